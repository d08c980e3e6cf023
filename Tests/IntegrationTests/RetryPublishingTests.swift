import Broker
import Claims
import Foundation
import Testing

extension IntegrationTests {
    /// Copies of failed claims that the broker does not take.
    @Suite(.system(workers: 1, ["CLAIMS_RETRY_DELAYS_MS": "100,200,300"]), .checked)
    struct RetryPublishing {
        let system = System.current
        var api: API { system.api }

        /// What keeps a copy from its delay queue.
        enum Obstacle: CaseIterable {
            /// The queue refuses messages: basic.nack.
            case full
            /// Nothing is bound to the exchange: basic.return, then basic.ack.
            case missing

            func begin() async throws {
                let virtualHost = try Setup.stores().brokers[0].virtualHost
                switch self {
                case .full:
                    // A quorum queue refuses messages once it is over its limit.
                    try RabbitMQ.publishDirectly(to: Topology.retry(0))
                    _ = try await rabbitmqctl(
                        "set_policy", "-p", virtualHost, "full", "^claims[.]retry[.]0$", #"{"max-length":0}"#,
                        "--apply-to", "queues")
                case .missing:
                    _ = try await rabbitmqctl("delete_queue", "-p", virtualHost, Topology.retry(0))
                }
            }

            func end() async throws {
                let virtualHost = try Setup.stores().brokers[0].virtualHost
                switch self {
                case .full:
                    // The other order would delete the copy, which the queue takes once it is empty.
                    _ = try await rabbitmqctl("purge_queue", "-p", virtualHost, Topology.retry(0))
                    _ = try await rabbitmqctl("clear_policy", "-p", virtualHost, "full")
                case .missing:
                    try Topology(lanes: Setup.lanes, retries: 3).declare(on: try RabbitMQ.connection(), channel: 1)
                }
            }
        }

        @Test(arguments: Obstacle.allCases)
        func aCopyThatTheBrokerRejectsIsPublishedUntilItIsTaken(obstacle: Obstacle) async throws {
            try await withRejectedCopy(obstacle) {}
        }

        @Test func aCopyIsPublishedAgainWhenItsConnectionIsLost() async throws {
            try await withRejectedCopy(.full) {
                try await eventually("a connection to be closed") { try await closeRetryConnections() > 0 }
                try await eventually("the worker to notice") {
                    try log().contains("publishing of retries and dead letters failed, retrying")
                }
            }
        }

        /// Lets an attempt fail whose copy the broker rejects, calls `meanwhile`, and checks that the copy arrives once the
        /// broker takes it.
        private func withRejectedCopy(_ obstacle: Obstacle, _ meanwhile: () async throws -> Void) async throws {
            let coupon = try await api.coupon("COPY", amount: 3)
            try FailureInjection.refuse("unlucky")
            defer { try? FailureInjection.stop() }
            let earlier = try log().count
            try await obstacle.begin()
            do {
                let id = try await api.submit("unlucky", coupon).id
                try await eventually("the broker to reject the copy") {
                    try log().dropFirst(earlier).contains("copies rejected by the broker, retrying")
                }
                try await meanwhile()
                #expect(try await api.claim(id).outcome == "pending database_error")
                // Other claims of the lane are decided.
                let other = try await api.submit("lucky", coupon)
                #expect(try await api.claim(other.id, wait: 10).outcome == "claimed")
                try FailureInjection.stop()
                try await obstacle.end()
                let claim = try await api.claim(id, wait: 20)
                #expect(claim.outcome == "claimed" && claim.attempts == 2, "\(claim)")
            } catch {
                try? await obstacle.end()
                throw error
            }
        }

        private func log() throws -> String {
            try String(contentsOfFile: "\(Setup.runFolder)/logs/test-worker-1", encoding: .utf8)
        }

        /// Closes the worker's connections for copies, as an operator or a broken network would.
        private func closeRetryConnections() async throws -> Int {
            let list = try await rabbitmqctl("list_connections", "pid", "client_properties", "--quiet")
            let connections = list.split(separator: "\n").filter { $0.contains(" retries\"") }
            var closed = 0
            for connection in connections {
                let process = try #require(connection.split(separator: "\t").first)
                // The worker may have given up the copy by now.
                if (try? await rabbitmqctl("close_connection", String(process), "the test")) != nil { closed += 1 }
            }
            return closed
        }
    }
}
