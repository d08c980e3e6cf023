import Broker
import Claims
import Foundation
import OrderedCollections
import Postgres
import Testing

extension IntegrationTests {
    /// `claimctl` as operators and scripts use it.
    @Suite(.system(workers: 1), .checked)
    struct Claimctl {
        let system = System.current
        var api: API { system.api }

        @Test(arguments: [
            [], ["migrate"], ["coupon"], ["coupon", "create"], ["coupon", "show"], ["coupon", "list"], ["claim"],
            ["claim", "submit"], ["claim", "show"], ["claim", "cancel"], ["coupon", "set"], ["coupon", "eligible"],
            ["coupon", "check"], ["status"], ["audit"], ["lanes"], ["lanes", "show"], ["lanes", "set"],
        ])
        func everyCommandHasAHelpText(command: [String]) async throws {
            let result = try await Program.run("claimctl", command + ["--help"])
            #expect(result.code == 0 && result.output.contains("USAGE: claimctl"), "\(result.text)")
        }

        @Test func couponsAreCreatedShownAndListed() async throws {
            let name = "CTL_\(UInt32.random(in: 0 ... .max))"
            let made = try await object("coupon", "create", name.lowercased(), "7", "--per-user-limit", "2", "--json")
            #expect(made["name"] as? String == name && made["amount"] as? Int == 7)
            #expect(made["remaining_amount"] as? Int == 7 && made["per_user_limit"] as? Int == 2)
            let shown = try await object("coupon", "show", name, "--json")
            #expect(shown["claimed_by"] as? [String] == [])
            let listed = try await lines("coupon", "list", "--search", name, "--json")
            #expect(listed.count == 1 && listed[0]["name"] as? String == name)
            #expect(try await claimctl("coupon", "show", name).output.contains(name))
            #expect(try await claimctl("coupon", "create", name, "7").code == 1, "the coupon exists already")
        }

        @Test func anEmptyListExitsWith0AndAMissingItemWith2() async throws {
            let none = try await claimctl("coupon", "list", "--search", "NO_SUCH_THING", "--json")
            #expect(none.code == 0 && none.output.isEmpty)
            #expect(try await claimctl("coupon", "show", "NO_SUCH_THING").code == 2)
            #expect(try await claimctl("claim", "show", "no-such-id").code == 2)
        }

        @Test(arguments: [
            ["nonsense"], ["coupon", "create", "A"], ["coupon", "create", "A", "x"], ["coupon", "create", "!", "1"],
            ["coupon", "create", "A", "-1"], ["coupon", "show"], ["coupon", "list", "--limit", "0"],
            ["claim", "submit"],
            ["claim", "show", "x", "--wait", "99"], ["status", "--timeout", "-1"], ["audit", "--nonsense"],
            ["coupon", "create", "A", "1", "--starts-at", "soon"], ["claim", "submit", "--user", "", "--coupon", "A"],
        ])
        func wrongUsageExitsWith64(arguments: [String]) async throws {
            let result = try await Program.run("claimctl", arguments)
            #expect(result.code == 64 && !result.errors.isEmpty && result.output.isEmpty, "\(result)")
        }

        @Test func aClaimIsSubmittedAndShown() async throws {
            let coupon = try await api.coupon("SUBMIT", amount: 1)
            let key = "key with \"quotes\" \\ \(coupon)"
            let arguments = [
                "claim", "submit", "--user", "u1", "--coupon", coupon, "--key", key, "--wait", "10", "--json",
            ]
            let result = try await Program.run("claimctl", arguments)
            let claim = try decode(Claim.self, from: Data(result.output.utf8))
            #expect(result.code == 0 && claim.outcome == "claimed", "\(result)")
            system.ledger.add(claim.id)
            let again = try await Program.run("claimctl", arguments)
            #expect(again.output.contains(claim.id), "the same key is the same claim")
            let shown = try await object("claim", "show", claim.id, "--json")
            #expect(shown["status"] as? String == "claimed" && shown["attempts"] as? Int == 1)
            #expect(try await claimctl("claim", "show", claim.id).output.contains("claimed"))
        }

        @Test func theStatusShowsQueuesAndWorkers() async throws {
            let status = try await object("status", "--wait-for-workers", "1", "--json")
            let queues = try #require(status["queues"] as? [[String: Any]])
            let names = Set(queues.compactMap { $0["name"] as? String })
            #expect(names.isSuperset(of: (0..<8).map { "claims.work.\($0)" } + ["claims.dead", "claims.retry.0"]))
            let workers = try #require(status["workers"] as? [[String: Any]])
            #expect(workers.contains { $0["name"] as? String == "worker-1" && ($0["lanes"] as? [Int])?.count == 8 })
            let timedOut = try await claimctl("status", "--wait-for-workers", "99", "--timeout", "0.2")
            #expect(timedOut.code == 1 && timedOut.errors.contains("99"))
            #expect(try await claimctl("status").output.contains("claims.dead"))
        }

        @Test func theStatusShowsUnacknowledgedMessagesAndTheOldestClaimDuringAnOutage() async throws {
            let coupon = try await api.coupon("HELD", amount: 5)
            let lane = try #require(CouponName(coupon)).lane(of: Setup.lanes)
            let blocker = try Database.connection()
            // The worker takes the claim and waits for the coupon's row, which is retried.
            try blocker.script("begin; select from coupons where name = '\(coupon)' for update")
            let claim = try await api.submit("u1", coupon)
            let queue = try await eventually("the worker to report the message") {
                let status = try await object("status", "--json")
                let queues = try #require(status["queues"] as? [[String: Any]])
                let queue = try #require(queues.first { $0["name"] as? String == "claims.work.\(lane)" })
                return queue["unacknowledged"] as? Int == 1 ? queue : nil
            }
            #expect(queue["messages"] as? Int == 0 && queue["oldest_pending_at"] is String)
            try blocker.script("rollback")
            _ = try await api.claim(claim.id, wait: 30)
        }

        @Test func theStatusAndTheAuditNameALaneThatNoWorkerReads() async throws {
            let connection = try RabbitMQ.connection()
            try connection.declareQueue("claims.work.200", arguments: ["x-queue-type": .string("quorum")], channel: 1)
            try connection.selectConfirms(channel: 1)
            let message = BrokerMessage(properties: MessageProperties(), body: Array("{}".utf8))
            try connection.publish(message, exchange: "", routingKey: "claims.work.200", channel: 1)
            _ = try connection.nextEvent(atMost: .seconds(5))
            let found = try await eventually("the broker to count the message") {
                let status = try await object("status", "--json")
                return (status["warnings"] as? [String])?.first { $0.hasPrefix("claims.work.200 holds 1 message") }
            }
            #expect(found.contains("8 lanes"))
            let audit = try await claimctl("audit", "--json")
            #expect(audit.code == 1 && audit.output.contains("\"lane_is_read\""), "\(audit)")
            #expect(try await claimctl("status").output.contains("warning: claims.work.200 holds 1 message"))
            try connection.consume("claims.work.200", prefetch: 1, channel: 1)
            guard case .delivered(let delivery, _) = try connection.nextEvent(atMost: .seconds(10)) else {
                throw TestFailure(description: "the message was not delivered")
            }
            try connection.acknowledge(delivery.tag, multiple: false, channel: 1)
            connection.close()
        }

        @Test func theNumberOfLanesChangesOnlyWhileNothingWaits() async throws {
            #expect(try await object("lanes", "--json")["lanes"] as? Int == 8)
            let same = try await claimctl("lanes", "set", "8")
            #expect(same.code == 0)
            let running = try await claimctl("lanes", "set", "9")
            #expect(running.code == 1 && running.errors.contains("worker-1-"), "\(running)")
            #expect(try await claimctl("lanes", "set", "0").code == 64)

            // Redis knows nothing of a frozen worker, and the broker does not return its messages yet.
            let worker = try system.program("worker-1")
            worker.freeze()
            let frozen = try await eventually("the frozen worker's heartbeat to expire") {
                let result = try await claimctl("lanes", "set", "9")
                return result.errors.contains("consumer") ? result : nil
            }
            #expect(frozen.code == 1 && frozen.errors.contains("claims.work."), "\(frozen)")
            worker.thaw()

            let coupon = try await api.coupon("WAITS", amount: 1)
            await system.end { $0.name == "worker-1" }
            _ = try await api.submit("u1", coupon)
            let waiting = try await eventually("the broker to count the claim") {
                let result = try await claimctl("lanes", "set", "9")
                return result.errors.contains("holds 1 message") ? result : nil
            }
            #expect(waiting.code == 1 && waiting.errors.contains("claims.work."), "\(waiting)")
            #expect(try await object("lanes", "--json")["lanes"] as? Int == 8)

            try await system.startWorker("worker-1")
            try await system.check()
            await system.end()
            try await eventually("the broker to count none") { try await claimctl("lanes", "set", "9").code == 0 }
            #expect(try await object("lanes", "--json")["lanes"] as? Int == 9)
            #expect(try await claimctl("lanes", "set", "8").code == 0)
            try await system.prepare()
        }

        @Test func theAuditNamesEveryViolation() async throws {
            let coupon = try await api.coupon("AUDIT", amount: 5)
            for user in ["u1", "u2"] { _ = try await api.claim(try await api.submit(user, coupon).id, wait: 10) }
            let clean = try await object("audit", "--json")
            #expect((clean["violations"] as? [Any])?.isEmpty == true)
            let violations = [
                (
                    "quota_adds_up",
                    "update coupons set remaining_amount = remaining_amount - 1 where name = '\(coupon)'",
                    "update coupons set remaining_amount = remaining_amount + 1 where name = '\(coupon)'"
                ),
                (
                    "held_coupon_has_its_claim",
                    "update user_claims set user_id = 'thief' where user_id = 'u1' and \(belongs(to: coupon))",
                    "update user_claims set user_id = 'u1' where user_id = 'thief' and \(belongs(to: coupon))"
                ),
                (
                    "quota_adds_up",
                    "update claims set status = 'rejected', reason = 'expired' where user_id = 'u2' and coupon_name = '\(coupon)'",
                    "update claims set status = 'claimed', reason = null where user_id = 'u2' and coupon_name = '\(coupon)'"
                ),
                (
                    "slots_are_dense",
                    "update user_claims set slot = 3 where user_id = 'u2' and \(belongs(to: coupon))",
                    "update user_claims set slot = 1 where user_id = 'u2' and \(belongs(to: coupon))"
                ),
                (
                    "cancelled_claim_holds_nothing",
                    "update claims set status = 'cancelled' where user_id = 'u2' and coupon_name = '\(coupon)'",
                    "update claims set status = 'claimed' where user_id = 'u2' and coupon_name = '\(coupon)'"
                ),
                (
                    "claim_has_its_held_coupon",
                    "update user_claims set claim_id = 'none' where user_id = 'u2' and \(belongs(to: coupon))",
                    "update user_claims u set claim_id = k.id from claims k where u.claim_id = 'none' and k.user_id = 'u2' "
                        + "and k.coupon_name = '\(coupon)'"
                ),
                (
                    "nobody_exceeds_the_limit",
                    "update user_claims set user_id = 'u1', slot = 2 where user_id = 'u2' and \(belongs(to: coupon))",
                    "update user_claims set user_id = 'u2', slot = 1 where slot = 2 and \(belongs(to: coupon))"
                ),
            ]
            for (rule, damage, repair) in violations {
                try Database.script(damage)
                let result = try await claimctl("audit", "--json")
                try Database.script(repair)
                #expect(result.code == 1, "\(rule): \(result)")
                #expect(result.output.contains("\"\(rule)\""), "\(result.output)")
                #expect(try await claimctl("audit").code == 0, "repaired")
            }
        }

        @Test func theAuditReportsDeadLetteredClaimsWithoutAMessage() async throws {
            try Database.script(
                """
                insert into claims (id, status, reason, attempts, decided_at)
                select 'lost-' || n, 'dead_lettered', 'unreadable', 1, now() from generate_series(1, 1000) n
                """)
            defer { try? Database.script("delete from claims where id like 'lost-%'") }
            let result = try await claimctl("audit")
            #expect(result.code == 1 && result.output.contains("claims.dead"), "\(result)")
        }

        @Test func noOutputShowsASecret() async throws {
            for arguments in [["status"], ["audit"], ["coupon", "list"], ["migrate"]] {
                try expectNoSecret(in: try await Program.run("claimctl", arguments).text)
            }
            let url = try #require(Setup.environment(with: [:])["DATABASE_URL"])
            let wrong = url.replacing("://claims:", with: "://claims:hunter2")
            let result = try await claimctl("audit", settings: ["DATABASE_URL": wrong])
            #expect(result.code == 1 && !result.text.contains("hunter2"), "\(result)")
            try expectNoSecret(in: result.text)
            let unreachable = try await claimctl("status", settings: ["AMQP_URL": "amqp://u:hunter2@127.0.0.1:1/v"])
            #expect(
                unreachable.code == 1 && !unreachable.text.contains("hunter2") && !unreachable.errors.isEmpty,
                "\(unreachable)")
            let logs = try FileManager.default.contentsOfDirectory(atPath: "\(Setup.runFolder)/logs")
            for log in logs where log.hasPrefix("test-") && !log.hasPrefix("test-run-") {
                try expectNoSecret(in: try String(contentsOfFile: "\(Setup.runFolder)/logs/\(log)", encoding: .utf8))
            }
        }

        // MARK: Helpers

        private func belongs(to coupon: String) -> String {
            "coupon_id = (select id from coupons where name = '\(coupon)')"
        }

        private func object(_ arguments: String...) async throws -> [String: Any] {
            let result = try await Program.run("claimctl", arguments)
            try #require(result.code == 0, "\(result)")
            return try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        }

        private func lines(_ arguments: String...) async throws -> [[String: Any]] {
            let result = try await Program.run("claimctl", arguments)
            try #require(result.code == 0, "\(result)")
            return try result.output.split(separator: "\n").map { line in
                try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            }
        }
    }
}
