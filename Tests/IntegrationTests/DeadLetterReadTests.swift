import Broker
import Claims
import DeadLetters
import Foundation
import OrderedCollections
import RuntimeSupport
import Testing

extension IntegrationTests {
    /// Reading the dead-letter queue changes nothing.
    @Suite(.system(workers: 0), .checked)
    struct DeadLetterReads {
        let system = System.current
        var api: API { system.api }

        @Test func theListIsOrderedByDeathAndReadingChangesNothing() async throws {
            try await DLQ.clear()
            let ages = (0..<300).map { ($0 * 7919) % 100_000 + 10 }
            let ids = try DLQ.put(ages, of: "READ")
            let expected = zip(ids, ages).sorted { $0.1 > $1.1 }.map(\.0)
            let before = try RabbitMQ.dead().map(\.fingerprint)
            let first = try await DLQ.list()
            #expect(first.map(\.id) == expected)
            for command in [["stats"], ["show", ids[7]], ["list"], ["watch", "--json", "--count", "1"]] {
                #expect(try await Program.run("claimctl", ["dlq"] + command).code == 0)
            }
            _ = try await export()
            #expect(try await DLQ.list() == first)
            #expect(
                Set(try RabbitMQ.dead().map(\.fingerprint)) == Set(before), "no message is lost, altered or duplicated")
            #expect(try RabbitMQ.dead().count == 300)
        }

        @Test func concurrentListCommandsAllSeeEveryMessage() async throws {
            try await DLQ.clear()
            let ids = try DLQ.put(Array(1...2500), of: "CROWD")
            let lists = try await concurrently(Array(0..<6)) { _ in try await DLQ.list().map(\.id) }
            #expect(lists.allSatisfy { $0 == ids.reversed() })
        }

        /// The peak memory of a command does not grow with the queue: this one has 16,000 messages of 5 KB.
        @Test(.timeLimit(.minutes(5))) func aLongQueueIsReadInBoundedMemory() async throws {
            try await DLQ.clear()
            let ids = try DLQ.put(Array(1...2000), of: "LONG") { _ in String(repeating: "a long error text ", count: 50)
            }
            let messages = try RabbitMQ.dead()
            let copies = 8
            for copy in 1..<copies {
                try DLQ.put(
                    messages.map { message in
                        var message = message
                        message.properties.headers["copy"] = .int32(Int32(copy))
                        return message
                    })
            }
            let file = "\(Setup.runFolder)/logs/long.jsonl"
            for arguments in [
                ["list", "--limit", "20"], ["list", "--json"], ["stats"], ["show", ids[0]],
                ["replay", "--dry-run", ids[0], "--json"], ["export", "--output", file],
            ] {
                let program = try Program("claimctl", name: "long", arguments: ["dlq"] + arguments)
                var peak = 0
                // The peak that the kernel reports never falls, so the last look before the end is close to it.
                try await eventually("\(arguments) to end", within: .seconds(120), every: .milliseconds(2)) {
                    peak = max(peak, program.peakMemory ?? 0)
                    return !program.isRunning
                }
                #expect(try await program.end(within: .seconds(5)) == 0, "\(arguments)")
                #expect(peak > 0 && peak < 130 << 20, "\(arguments) took \(peak >> 20) MiB")
            }
            #expect(try String(contentsOfFile: file, encoding: .utf8).utf8.count { $0 == 10 } == copies * ids.count)
            let list = try await DLQ.list()
            #expect(list.count == copies * ids.count && Set(list.map(\.fingerprint)).count == list.count)
            #expect(try await DLQ.list() == list)
        }

        @Test func aKilledListCommandReturnsAllMessages() async throws {
            try await DLQ.clear()
            let ids = try DLQ.put(Array(1...2500), of: "KILLED")
            for pause in [5, 20, 40, 60, 80, 100, 150] {
                let list = try Program("claimctl", name: "list", arguments: ["dlq", "list", "--json"])
                _ = try? await list.end(within: .milliseconds(pause))
                list.signal(SIGKILL)
                #expect(try await DLQ.list().map(\.id) == ids.reversed())
            }
        }

        @Test func messagesWithoutAClaimIDAreShownExportedAndImported() async throws {
            try await DLQ.clear()
            var strange = MessageProperties()
            strange.headers = [
                "n": .int64(-5), "b": .bytes([0, 255]), "t": .table(["x": .array([.void, .double(1.5)])]),
            ]
            strange.appID = "another program"
            var other = MessageProperties()
            other.messageID = "version-9-\(UUID().uuidString)"
            let bodies: [(MessageProperties, [UInt8])] = [
                (MessageProperties(), Array("not JSON".utf8)), (MessageProperties(), []),
                (MessageProperties(), [0xff, 0xfe, 0]), (strange, Array(repeating: 0x41, count: 1 << 20)),
                (other, Array(#"{"version":9,"user_id":"zed","coupon_name":"flash sale"}"#.utf8)),
            ]
            try DLQ.put(bodies.map { BrokerMessage(properties: $0.0, body: $0.1) })
            let lines = try await DLQ.list()
            #expect(lines.count == 5 && Set(lines.map(\.id)).count == 5)
            let ninth = try #require(lines.first { $0.id == other.messageID })
            #expect(ninth.userId == "zed" && ninth.couponName == "FLASH_SALE")
            for line in lines {
                let shown = try await claimctl("dlq", "show", line.id)
                #expect(shown.code == 0 && shown.output.contains("can't be read"), "\(line)")
            }
            let before = Set(try RabbitMQ.dead().map(\.fingerprint))
            let file = try await export()
            try await DLQ.clear()
            #expect(try RabbitMQ.dead().isEmpty)
            #expect(try await claimctl("dlq", "import", file).code == 0)
            #expect(Set(try RabbitMQ.dead().map(\.fingerprint)) == before)
            #expect(try await DLQ.list() == lines)
            #expect(try await claimctl("dlq", "import", file).code == 0, "importing again")
            #expect(try RabbitMQ.dead().count == 5, "messages in the queue are not imported twice")
        }

        @Test func filtersCombineAndALimitApplies() async throws {
            try await DLQ.clear()
            let young = try DLQ.put([10, 20], of: "FLASH_SALE", reason: "lock_held")
            let old = try DLQ.put([7300, 7400], of: "FLASH_SALE")
            let other = try DLQ.put([7500], of: "OTHER")
            func ids(_ filters: String...) async throws -> [String] {
                let arguments = ["dlq", "list", "--json"] + filters
                return try await Program.run("claimctl", arguments).output.split(separator: "\n").map {
                    try decode(DLQ.Line.self, from: Data($0.utf8)).id
                }
            }
            #expect(try await ids("--coupon", "flash sale!") == [old[1], old[0], young[1], young[0]])
            #expect(try await ids("--reason", "lock_held") == [young[1], young[0]])
            #expect(try await ids("--user", "u0") == [other[0], old[0], young[0]])
            #expect(try await ids("--older-than", "2h") == [other[0], old[1], old[0]])
            #expect(try await ids("--newer-than", "1h30m") == [young[1], young[0]])
            #expect(try await ids("--older-than", "2h", "--coupon", "FLASH_SALE", "--user", "u1") == [old[1]])
            #expect(try await ids("--reason", "no_such_reason").isEmpty)
            #expect(try await ids("--limit", "2") == [other[0], old[1]])
            let table = try await claimctl("dlq", "list", "--limit", "2").output
            #expect(table.contains("2 of 5 messages") && table.contains("2 lock_held"), "\(table)")
        }

        @Test func thousandsOfFailuresAreGroupedIntoThreeCauses() async throws {
            try await DLQ.clear()
            try DLQ.put(Array(repeating: 60, count: 700), of: "MANY") {
                "duplicate key value violates unique constraint \"key_\($0)\" (SQLSTATE 23505)"
            }
            try DLQ.put(Array(repeating: 50, count: 500), of: "SOME", reason: "lock_held") {
                "held for \($0) ms"
            }
            try DLQ.put([40], of: "ONE", reason: "lock_held") { _ in "another error" }
            struct Statistics: Decodable {
                struct Group: Decodable {
                    let count: Int
                    let reason, couponName, error: String?
                }
                let count, oldestAgeSeconds: Int
                let byReason, byCoupon, causes: [Group]
            }
            let found = try await DLQ.document(Statistics.self, ["stats"])
            #expect(found.count == 1201 && found.oldestAgeSeconds >= 60)
            #expect(found.causes.map(\.count) == [700, 500, 1])
            #expect(found.causes[0].error?.hasSuffix("(SQLSTATE 23505)") == true)
            #expect(found.byReason.map(\.reason) == ["database_error", "lock_held"])
            #expect(found.byCoupon.map(\.couponName) == ["MANY", "SOME", "ONE"])
        }

        @Test func theDiagnosisSaysWhetherAReplayWouldHelp() async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("DIAGNOSIS", amount: 5)
            let id = try DLQ.put([30], of: coupon)[0]
            func diagnosis(_ id: String) async throws -> String {
                struct Shown: Decodable {
                    struct Advice: Decodable { let replay, text: String }
                    let diagnosis: Advice
                }
                let advice = try await DLQ.document(Shown.self, ["show", id]).diagnosis
                return "\(advice.replay): \(advice.text)"
            }
            #expect(try await diagnosis(id).hasPrefix("not_yet: no worker"))
            try await system.startWorker("healthy")
            #expect(try await diagnosis(id).hasPrefix("may_help"))
            try Cache.send("SET", "claim:coupon:\(coupon)", "a stranger", "PX", "60000")
            #expect(try await diagnosis(id).contains("lock"))
            try Cache.send("DEL", "claim:coupon:\(coupon)")
            let lost = try DLQ.put([20], of: "NO_SUCH_COUPON")[0]
            #expect(try await diagnosis(lost).contains("no coupon NO_SUCH_COUPON"))
            #expect(try await DLQ.replay(id).claimed == 1)
            try DLQ.put([try #require(try copy(of: id, coupon: coupon))])
            #expect(try await diagnosis(id).hasPrefix("useless: the claim is decided already"))
        }

        @Test func aListFitsTheWidthOfTheTerminal() async throws {
            try await DLQ.clear()
            try DLQ.put([30, 20], of: "WIDE") { _ in String(repeating: "long ", count: 50) }
            let command = "stty cols 100; \(Setup.programs)/claimctl dlq list"
            let result = try await Program.run("/usr/bin/script", ["-qec", command, "/dev/null"])
            let lines = result.output.split(whereSeparator: \.isNewline)
            #expect(result.code == 0 && lines.count == 4, "\(result)")
            #expect(lines.dropLast().allSatisfy { $0.count <= 100 }, "\(result.output)")
            #expect(lines[1].contains("long l") && lines[1].hasSuffix("…"), "\(result.output)")
        }

        // MARK: Helpers

        /// Exports all messages.
        private func export() async throws -> String {
            let file = "\(Setup.runFolder)/logs/export-\(UUID().uuidString).jsonl"
            let result = try await claimctl("dlq", "export", "--output", file)
            try #require(result.code == 0, "\(result)")
            return file
        }

        /// Returns a dead letter of a claim that was replayed, as a killed replay leaves it in the queue.
        private func copy(of id: String, coupon: String) throws -> BrokerMessage? {
            guard let id = ClaimID(id), let user = UserID("u0"), let coupon = CouponName(coupon) else { return nil }
            let claim = ClaimMessage(id: id, userID: user, couponName: coupon, createdAt: .now())
            return BrokerMessage.claim(claim, encodedBy: .shared).deadLettered(reason: "database_error", at: .now())
        }
    }
}
