import Foundation
import Testing

extension IntegrationTests {
    /// The lanes are balanced over the live workers.
    @Suite(.system(workers: 0), .checked)
    struct LaneBalance {
        let system = System.current
        var api: API { system.api }

        @Test func theLanesAreSpreadEvenlyOverTheLiveWorkers() async throws {
            try await system.startWorker("one")
            try await expectShares(["one": 8])
            try await system.startWorker("two")
            try await expectShares(["one": 4, "two": 4])
            try await system.startWorker("three")
            try await expectSpread(["one", "two", "three"])
            try system.program("one").signal(SIGKILL)
            try await expectShares(["two": 4, "three": 4])
            try system.program("three").signal(SIGTERM)
            try await expectShares(["two": 8])
        }

        @Test func claimsAreDecidedInOrderWhileTheLanesMove() async throws {
            let coupon = try await api.coupon("MOVING", amount: 300)
            try await system.startWorker("one", ["CLAIMS_BATCH": "5"])
            var ids: [String] = []
            async let joined: Void = joinAndLeave()
            for user in 0..<1500 { ids.append(try await api.submit("u\(user)", coupon).id) }
            try await joined
            let claims = try await concurrently(ids) { try await api.claim($0, wait: 30) }
            let losers = claims.prefix(300).filter { $0.status != "claimed" }
            #expect(losers.count == 0, "\(losers.count) of the first 300 got none, the first \(losers.prefix(1))")
        }

        private func joinAndLeave() async throws {
            let two = try await system.startWorker("two")
            try await system.startWorker("three")
            two.signal(SIGTERM)
        }

        // MARK: Helpers

        private struct Status: Decodable {
            struct Worker: Decodable {
                let name: String
                let lanes: [Int]
            }
            let workers: [Worker]
        }

        private struct Consumer: Decodable {
            let queueName: String
            let channelPid: String
            let activityStatus: String
        }

        private func expectSpread(_ names: [String]) async throws {
            try await expect("an even spread over \(names)") { shares in
                Set(shares.keys) == Set(names)
                    && shares.values.allSatisfy { $0 == 8 / names.count || $0 == 8 / names.count + 1 }
            }
        }

        private func expectShares(_ expected: [String: Int]) async throws {
            try await expect("\(expected)") { $0 == expected }
        }

        /// Waits for shares in `claimctl status`, and compares them with the active consumers of the broker.
        private func expect(_ what: String, _ isRight: ([String: Int]) -> Bool) async throws {
            let shares = try await eventually(what, within: .seconds(20)) {
                let answer = try await claimctl("status", "--json")
                let status = try decode(Status.self, from: Data(answer.output.utf8))
                let lanes = status.workers.flatMap(\.lanes)
                let shares = Dictionary(status.workers.map { ($0.name, $0.lanes.count) }, uniquingKeysWith: +)
                guard isRight(shares), lanes.sorted() == Array(0..<8) else {
                    throw TestFailure(description: answer.output)
                }
                return shares
            }
            try await eventually("the broker to agree", within: .seconds(20)) {
                let actual = try await brokerShares()
                guard actual == shares else {
                    throw TestFailure(description: "claimctl: \(shares), the broker: \(actual)")
                }
                return true
            }
        }

        /// Returns the number of lanes on which each worker is the active consumer.
        private func brokerShares() async throws -> [String: Int] {
            let text = try await rabbitmqctl(
                "list_consumers", "queue_name", "channel_pid", "activity_status", "--formatter", "json", "--silent")
            let active = try decode([Consumer].self, from: Data(text.utf8))
                .filter { $0.queueName.hasPrefix("claims.work.") && $0.activityStatus == "single_active" }
            #expect(Set(active.map(\.queueName)).count == active.count, "a lane has one active consumer: \(text)")
            // The name of a connection contains that of its worker. The list gives the connection of each channel.
            let names = try await rabbitmqctl(
                "eval",
                """
                [{rabbit_misc:pid_to_string(C), element(3, lists:keyfind(<<"connection_name">>, 1,
                  proplists:get_value(client_properties, rabbit_reader:info(P, [client_properties]))))}
                 || [{pid, C}, {connection, P}] <- rabbit_channel:info_all([pid, connection])].
                """)
            let owners = names.matches(of: /\.(\d+\.\d+)>",\s*<<"ClaimWorker (\S+) lane/)
            let owner = Dictionary(owners.map { ($0.1, String($0.2)) }, uniquingKeysWith: { $1 })
            return Dictionary(
                active.map { (numbers($0.channelPid).flatMap { owner[$0] } ?? "unknown", 1) }, uniquingKeysWith: +)
        }

        /// Returns the part of an Erlang process id that does not depend on the node. RabbitMQ 4.3 writes it as
        /// `Pid(#PID<14907.990.0>)`, earlier versions as `<claims@localhost.1795791798.990.0>`.
        private func numbers(_ pid: String) -> Substring? {
            pid.firstMatch(of: /\.(\d+\.\d+)>/)?.1
        }
    }
}
