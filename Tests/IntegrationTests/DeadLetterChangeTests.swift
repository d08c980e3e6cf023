import Broker
import Claims
import DeadLetters
import Foundation
import OrderedCollections
import Postgres
import RuntimeSupport
import Testing

extension IntegrationTests {
    /// Discarding, restoring, editing, exporting and importing dead letters.
    @Suite(.system(workers: 1, ["CLAIMS_RETRY_DELAYS_MS": "50,50,50"]), .checked)
    struct DeadLetterChanges {
        let system = System.current
        var api: API { system.api }

        private struct Done: Decodable {
            let discarded, claims, gone, restored, present, imported: Int?
        }

        // MARK: Discarding

        @Test func aDiscardedClaimCanBeRestoredAndReplayed() async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("DISCARD", amount: 5)
            let id = try await FailureInjection.deadLetter(["a"], of: coupon, api)[0]
            let before = try #require(try RabbitMQ.dead(id)).fingerprint
            let plan = try await DLQ.document(DLQ.Plan.self, ["discard", id, "--dry-run"])
            let message = try RabbitMQ.dead(id)
            #expect(plan.count == 1 && message != nil, "a dry run changes nothing")
            let done = try await DLQ.document(
                Done.self, ["discard", "--plan", plan.digest, "--note", "the sale is over"])
            #expect(done.discarded == 1 && done.claims == 1)
            #expect(try await api.claim(id).outcome == "discarded the sale is over")
            #expect(try RabbitMQ.dead(id) == nil)
            let row = try Database.rows(
                "select done_by, note, message->>'id' from dead_letter_archive where id = $1 and done_at > now() - interval '1 minute'",
                columns: 3, .text(id))
            let user = try await Program.run("/usr/bin/id", ["-un"]).output.trimmingCharacters(in: .newlines)
            #expect(row == [[user, "the sale is over", id]])
            #expect(try await claimctl("dlq", "discarded").output.contains(id))

            #expect(try await DLQ.document(Done.self, ["restore", id]).restored == 1)
            #expect(try #require(try RabbitMQ.dead(id)).fingerprint == before, "the message is unchanged")
            #expect(try await api.claim(id).outcome == "dead_lettered database_error")
            #expect(try await claimctl("dlq", "restore", id).code == 2, "it is restored already")
            #expect(try await DLQ.replay(id).claimed == 1)
        }

        @Test func aDecidedClaimKeepsItsOutcomeWhenAMessageOfItIsDiscarded() async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("DECIDED", amount: 5)
            let id = try DLQ.put([5], of: coupon)[0]
            let copy = try #require(try RabbitMQ.dead().first)
            #expect(try await DLQ.replay(id).claimed == 1)
            try DLQ.put([copy])
            let done = try await DLQ.document(Done.self, ["discard", id])
            #expect(done.discarded == 1 && done.claims == 0)
            #expect(try await api.claim(id).outcome == "claimed")
        }

        @Test func aKilledDiscardIsCompletedByTheNextOne() async throws {
            try await DLQ.clear()
            let ids = try DLQ.put(Array(1...3000), of: "MIDDLE")
            for turn in 1...3 {
                let discard = try Program(
                    "claimctl", name: "discard-\(turn)", arguments: ["dlq", "discard", "--all", "--yes", "--note", "n"])
                try await eventually("some to be discarded", every: .milliseconds(2)) {
                    try discarded(of: ids) > turn * 300 || !discard.isRunning
                }
                discard.signal(SIGKILL)
                try await discard.end(within: .seconds(5))
            }
            try await DLQ.clear()
            #expect(try discarded(of: ids) == 3000)
            #expect(
                try Database.number(
                    "select count(*) from dead_letter_archive where id = any($1) and restored_at is null", .texts(ids))
                    == 3000, "each message once")
        }

        @Test func aMessageThatAKilledDiscardLeftCanBeReplayed() async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("LEFT", amount: 5)
            let id = try DLQ.put([5], of: coupon)[0]
            // A discard that is killed after its transaction leaves the message in the queue.
            let message = try #require(try RabbitMQ.dead().first)
            #expect(try await claimctl("dlq", "discard", id).code == 0)
            try DLQ.put([message])
            #expect(try await DLQ.replay(id).claimed == 1)
        }

        // MARK: Editing

        @Test func anUnreadableBodyIsEditedAndKeepsItsID() async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("MEND", amount: 5)
            let id = try await unreadable(#"{"version":99,"user_id":"u1"}"#, coupon)
            let refused = try await edit(id, #"{"user_id":"u1"}"#)
            #expect(refused.code == 1 && refused.errors.contains("coupon_name is missing"), "\(refused)")
            #expect(try await edit(id, "nonsense").code == 1)
            #expect(try RabbitMQ.dead(id) != nil, "nothing was changed")
            #expect(try await api.claim(id).status == "dead_lettered")
            let done = try await edit(id, #"{"user_id":"u1","coupon_name":"\#(coupon.lowercased())"}"#)
            #expect(done.code == 0 && done.output.contains("claimed"), "\(done)")
            let claim = try await api.claim(id)
            #expect(claim.outcome == "claimed" && claim.userId == "u1" && claim.couponName == coupon)
            #expect(try RabbitMQ.dead(id) == nil)
            let original = try Database.rows(
                "select message->'message'->>'body' from dead_letter_archive where id = $1 and action = 'mended'",
                columns: 1, .text(id))
            #expect(original == [[#"{"version":99,"user_id":"u1"}"#]])
        }

        @Test func theHistoryKeepsTheOriginalBodyOfAnEditedMessage() async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("HISTORY", amount: 5)
            let id = try await unreadable("no JSON", coupon)
            try FailureInjection.refuseAll()
            defer { try? FailureInjection.stop() }
            let done = try await edit(id, #"{"user_id":"u1","coupon_name":"\#(coupon)"}"#)
            #expect(done.output.contains("dead_lettered"), "\(done)")
            let message = try await RabbitMQ.deadLetter(id)
            let replay = message.properties.headers["replays"]?.array?.last?.table
            #expect(replay?["original_body"] == .bytes(Array("no JSON".utf8)))
            #expect(message.properties.headers["errors"]?.array?.count == 5)
        }

        @Test func aBodyCanBeEditedInAnEditor() async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("EDITOR", amount: 5)
            let id = try await unreadable("no JSON", coupon)
            let editor = "\(Setup.runFolder)/logs/editor"
            let script = "#!/bin/sh\nprintf '{\"user_id\":\"u1\",\"coupon_name\":\"\(coupon)\"}' >\"$1\"\n"
            _ = FileManager.default.createFile(
                atPath: editor, contents: Data(script.utf8), attributes: [.posixPermissions: 0o700])
            let command = "EDITOR=\(editor) \(Setup.programs)/claimctl dlq edit \(id)"
            let result = try await Program.run("/usr/bin/script", ["-qec", command, "/dev/null"])
            #expect(result.code == 0 && result.output.contains("claimed"), "\(result)")
        }

        @Test func aMessageWithoutAClaimIDCanBeEditedIntoAClaim() async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("NOBODY", amount: 5)
            try DLQ.put([BrokerMessage(properties: MessageProperties(), body: Array("no claim at all".utf8))])
            let id = try #require(try await DLQ.list().first?.id)
            let done = try await edit(id, #"{"user_id":"u7","coupon_name":"\#(coupon)"}"#)
            #expect(done.code == 0 && done.output.contains(id), "\(done)")
            #expect(try await api.coupon(coupon).claimedBy == ["u7"])
        }

        // MARK: Export and import

        @Test func anImportedClaimIsDeadLetteredAgain() async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("COPY", amount: 50)
            let ids = try DLQ.put(Array(1...30), of: coupon)
            let file = "\(Setup.runFolder)/logs/copy.jsonl"
            #expect(try await claimctl("dlq", "export", "--coupon", coupon, "--output", file).code == 0)
            let lines = try await DLQ.list()
            #expect(try await claimctl("dlq", "discard", "--all", "--yes").code == 0)
            let done = try await DLQ.document(Done.self, ["import", file])
            #expect(done.imported == 30 && done.claims == 30)
            #expect(try await DLQ.list() == lines)
            #expect(try await api.claim(ids[3]).outcome == "dead_lettered database_error")
            #expect(try await DLQ.document(Done.self, ["import", file]).imported == 0)
            #expect(try await DLQ.replay("--all", "--yes").claimed == 30)
            // A claim that has been decided since keeps its outcome, although its message is in the queue again.
            #expect(try await DLQ.document(Done.self, ["import", file]).claims == 0)
            #expect(try await api.claim(ids[3]).outcome == "claimed")
        }

        @Test func aDamagedFileIsRefusedNamingTheLines() async throws {
            try await DLQ.clear()
            try DLQ.put(Array(1...4), of: "TORN")
            let file = "\(Setup.runFolder)/logs/torn.jsonl"
            #expect(try await claimctl("dlq", "export", "--output", file).code == 0)
            try await DLQ.clear()
            var lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map(String.init)
            lines[1] = String(lines[1].dropLast(20))
            lines[3] = lines[3].replacing("TORN", with: "BORN")
            try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
            let result = try await claimctl("dlq", "import", file)
            #expect(
                result.code == 1 && result.errors.contains("line 2:") && result.errors.contains("line 4:"), "\(result)")
            #expect(!result.errors.contains("line 1:") && !result.errors.contains("line 3:"))
            #expect(try RabbitMQ.dead().isEmpty, "nothing was changed")
            #expect(try await claimctl("dlq", "import", "/no/such/file").code == 1)
        }

        @Test func aKilledImportIsCompletedByTheNextOne() async throws {
            try await DLQ.clear()
            let ids = try DLQ.put(Array(1...3000), of: "TORRENT")
            let file = "\(Setup.runFolder)/logs/torrent.jsonl"
            #expect(try await claimctl("dlq", "export", "--output", file).code == 0)
            try await DLQ.clear()
            for _ in 1...3 {
                let run = try Program("claimctl", name: "import", arguments: ["dlq", "import", file])
                let before = try RabbitMQ.depth("claims.dead")
                try await eventually("some to be imported", every: .milliseconds(2)) {
                    try RabbitMQ.depth("claims.dead") > before || !run.isRunning
                }
                run.signal(SIGKILL)
                try await run.end(within: .seconds(5))
            }
            #expect(try await claimctl("dlq", "import", file).code == 0)
            #expect(try await DLQ.list().map(\.id) == ids.reversed(), "all messages once")
            #expect(
                try Database.number(
                    "select count(*) from claims where id = any($1) and status = 'dead_lettered'", .texts(ids)) == 3000)
        }

        // MARK: Helpers

        private func discarded(of ids: [String]) throws -> Int {
            try Database.number("select count(*) from claims where id = any($1) and status = 'discarded'", .texts(ids))
        }

        private func edit(_ id: String, _ body: String) async throws -> Program.Result {
            let file = "\(Setup.runFolder)/logs/body-\(UUID().uuidString).json"
            try body.write(toFile: file, atomically: true, encoding: .utf8)
            return try await claimctl("dlq", "edit", id, "--body", file)
        }

        /// Publishes an unreadable message of an issued claim, and waits until the worker dead-letters it.
        private func unreadable(_ body: String, _ key: String) async throws -> String {
            let id = ClaimIDIssuer(secret: try #require(ProcessInfo.processInfo.environment["CLAIMS_ID_SECRET"]))
                .id(user: try #require(UserID("u1")), key: try #require(IdempotencyKey(headerValue: key)), at: .now())
            var properties = MessageProperties()
            properties.messageID = id.description
            try RabbitMQ.publish(BrokerMessage(properties: properties, body: Array(body.utf8)), lane: 0)
            try await eventually("\(body) in claims.dead") { try RabbitMQ.dead(id.description) }
            return id.description
        }
    }
}
