import Broker
import Claims
import Foundation
import Postgres
import Redis
import RuntimeSupport
import Testing

extension IntegrationTests {
    /// `claimctl audit --against-broker`: claims that were accepted and that PostgreSQL has lost.
    @Suite(.system(workers: 1, ["CLAIMS_RETRY_DELAYS_MS": "50,50,50"]), .checked)
    struct LostClaims {
        let system = System.current
        var api: API { system.api }

        @Test func aClaimWhoseRowIsLostIsNamedAndPublishedAgain() async throws {
            try forgetOtherClaims()
            let coupon = try await api.coupon("LOST", amount: 5)
            var claims: [Claim] = []
            for user in ["u1", "u2", "u3"] { claims.append(try await claimed(user, coupon, key: "lost-\(coupon)")) }
            #expect(try await compared().code == 0, "nothing is lost")

            try loseRow(of: claims[0].id)
            let found = try await compared()
            #expect(found.code == 1 && found.comparison.lostCount == 1 && found.comparison.known == 3)
            let lost = try #require(found.comparison.lost.first)
            #expect(lost.id == claims[0].id && lost.userId == "u1" && lost.couponName == coupon)
            #expect(lost.status == "claimed" && lost.storedStatus == nil && lost.decidedAt == claims[0].decidedAt)
            #expect(found.report.violations.map(\.rule) == ["accepted_claim_is_stored"])
            #expect(try await claimctl("audit").code == 0, "the rows alone show nothing")
            #expect(try storedLostCount() == 1, "so this audit does not end the alert")

            let repeated = try await api.submit("u1", coupon, key: "lost-\(coupon)")
            #expect(repeated.id == claims[0].id && repeated.status == "claimed", "Redis answers, nothing is decided")
            #expect(try await compared().comparison.lostCount == 1)

            let repaired = try await compared("--requeue")
            #expect(repaired.code == 1 && repaired.comparison.requeued == 1)
            #expect(try await api.claim(claims[0].id, wait: 20).outcome == "claimed")
            #expect(try await compared().code == 0)
            #expect(try storedLostCount() == 0)
            #expect(try await api.coupon(coupon).remainingAmount == 2)
        }

        @Test func aClaimThatWaitsInItsLaneIsNotLost() async throws {
            try forgetOtherClaims()
            await system.end { $0.name.hasPrefix("worker") }
            let coupon = try await api.coupon("LANE", amount: 5)
            let id = try await api.submit("u1", coupon).id
            try await eventually("the message in its lane") { try RabbitMQ.depth(lane(of: coupon)) == 1 }
            let result = try await compared()
            #expect(result.code == 0 && result.comparison.waiting == 1 && result.comparison.lostCount == 0)
            try await system.startWorker("worker-1")
            #expect(try await api.claim(id, wait: 20).outcome == "claimed")
        }

        @Test func aPendingClaimWithoutAMessageIsLost() async throws {
            try forgetOtherClaims()
            await system.end { $0.name.hasPrefix("worker") }
            let coupon = try await api.coupon("PENDING", amount: 5)
            let id = try await api.submit("u1", coupon).id
            try await eventually("the message in its lane") { try RabbitMQ.depth(lane(of: coupon)) == 1 }
            try await takeMessage(from: lane(of: coupon))
            let result = try await compared("--requeue")
            #expect(result.code == 1 && result.comparison.waiting == 0 && result.comparison.requeued == 1)
            let lost = try #require(result.comparison.lost.first)
            #expect(lost.id == id && lost.status == "pending" && lost.decidedAt == nil)
            try await system.startWorker("worker-1")
            #expect(try await api.claim(id, wait: 20).outcome == "claimed")
        }

        @Test func aClaimInTheDeadLetterQueueIsNotLost() async throws {
            try forgetOtherClaims()
            let coupon = try await api.coupon("DEAD", amount: 5)
            let id = try await FailureInjection.deadLetter(["u1"], of: coupon, api)[0]
            try Database.script("delete from claims where id = '\(id)'")
            let result = try await compared()
            #expect(result.code == 0 && result.comparison.waiting == 1 && result.comparison.lostCount == 0)
            #expect(try await claimctl("dlq", "replay", id).code == 0)
            #expect(try await api.claim(id, wait: 20).outcome == "claimed")
        }

        @Test func aLostCancellationIsPublishedAgain() async throws {
            try forgetOtherClaims()
            let coupon = try await api.coupon("BACK", amount: 1)
            let id = try await claimed("u1", coupon).id
            _ = try await api.send("POST", "/claims/\(id)/cancel")
            try await eventually("the cancellation") { try await api.claim(id).status == "cancelled" }
            try Database.script(
                """
                begin; update claims set status = 'claimed' where id = '\(id)';
                insert into user_claims (coupon_id, user_id, slot, claim_id)
                    select id, 'u1', 1, '\(id)' from coupons where name = '\(coupon)';
                update coupons set remaining_amount = 0 where name = '\(coupon)'; commit
                """)
            let result = try await compared("--requeue")
            #expect(result.code == 1 && result.comparison.requeued == 1)
            let lost = try #require(result.comparison.lost.first)
            #expect(lost.id == id && lost.status == "cancelled" && lost.storedStatus == "claimed")
            try await eventually("the coupon to be free") { try await api.coupon(coupon).remainingAmount == 1 }
            #expect(try await compared().code == 0)
        }

        @Test func promisesThatCannotBeKeptAreNamedBeforeClaimsArePublishedAgain() async throws {
            try forgetOtherClaims()
            let coupon = try await api.coupon("PROMISED", amount: 1)
            let id = try await claimed("u1", coupon).id
            try loseRow(of: id)
            _ = try await claimed("u2", coupon)
            let refused = try await compared("--requeue")
            #expect(refused.code == 1 && refused.comparison.requeued == nil)
            #expect(refused.errors.contains("1 promised coupon"), "\(refused.errors)")
            #expect(refused.report.violations.map(\.rule) == ["accepted_claim_is_stored", "promised_coupons_remain"])
            let promise = try #require(refused.comparison.promises.first)
            #expect(promise.couponName == coupon && promise.promised == 1 && promise.remaining == 0)
            #expect(try Database.number("select count(*) from claims where id = '\(id)'") == 0, "nothing was published")

            #expect(try await claimctl("coupon", "set", coupon, "--amount", "2").code == 0)
            #expect(try await compared("--requeue").comparison.requeued == 1)
            #expect(try await api.claim(id, wait: 20).outcome == "claimed")
            #expect(try await compared().code == 0)
        }

        @Test func aClaimThatBecomesRejectedIsShownAsRejected() async throws {
            try forgetOtherClaims()
            let coupon = try await api.coupon("BROKEN", amount: 1)
            let id = try await claimed("u1", coupon).id
            try loseRow(of: id)
            _ = try await claimed("u2", coupon)
            #expect(try await compared("--requeue", "--accept-shortage").comparison.requeued == 1)
            try await eventually("the new outcome") { try await api.claim(id).outcome == "rejected sold_out" }
            #expect(try await compared().code == 0)
        }

        /// Whole batches are lost, each with the claim that was sold the last coupon and others that were not.
        @Test func thePromisedCouponGoesToItsUserAgain() async throws {
            try forgetOtherClaims()
            var outcomes: [String: String] = [:]
            for _ in 0..<20 {
                let coupon = try await api.coupon("AGAIN", amount: 1)
                let ids = try await withThrowingTaskGroup { group in
                    for user in 0..<8 { group.addTask { try await api.submit("u\(user)", coupon).id } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                for id in ids { outcomes[id] = try await api.claim(id, wait: 20).outcome }
            }
            let winners = outcomes.filter { $0.value == "claimed" }.keys
            try #require(winners.count == 20)
            for id in winners { try loseRow(of: id) }
            try Database.script("delete from claims where coupon_name like 'AGAIN%'")

            #expect(try await compared("--requeue").comparison.requeued == outcomes.count)
            try await eventually("the rows") {
                try Database.number("select count(*) from claims where coupon_name like 'AGAIN%'") == outcomes.count
            }
            for (id, outcome) in outcomes { #expect(try await api.claim(id, wait: 20).outcome == outcome) }
            #expect(try await compared().code == 0)
        }

        @Test func aSecretThatHasNotIssuedTheIdsIsRefused() async throws {
            try forgetOtherClaims()
            _ = try await claimed("u1", try await api.coupon("SECRET", amount: 1))
            let secret = String(repeating: "another secret ", count: 3)
            let result = try await claimctl("audit", "--against-broker", settings: ["CLAIMS_ID_SECRET": secret])
            #expect(result.code != 0 && result.errors.contains("CLAIMS_ID_SECRET"), "\(result)")
        }

        @Test func theComparisonNeedsTheSecretOfTheIds() async throws {
            let result = try await claimctl("audit", "--against-broker", settings: ["CLAIMS_ID_SECRET": ""])
            #expect(result.code == 64 && result.errors.contains("CLAIMS_ID_SECRET"), "\(result)")
            #expect(try await claimctl("audit", "--requeue").code == 64)
            #expect(try await claimctl("audit", "--against-broker", "--accept-shortage").code == 64)
            let readable = try await claimctl("audit", "--against-broker")
            #expect(readable.output.contains("waiting"), "\(readable)")
        }

        // MARK: Helpers

        /// What `claimctl audit --against-broker --json` prints.
        private struct Report: Decodable {
            struct Violation: Decodable {
                let rule, subject: String
            }
            struct Lost: Decodable {
                let id, status: String
                let storedStatus, userId, couponName, decidedAt: String?
            }
            struct Promise: Decodable {
                let couponName: String
                let promised: Int
                let remaining: Int?
            }
            struct Comparison: Decodable {
                let known, waiting, lostCount: Int
                let lost: [Lost]
                let promises: [Promise]
                let requeued: Int?
            }
            let violations: [Violation]
            let againstBroker: Comparison
        }

        private func compared(
            _ options: String...
        ) async throws -> (code: Int32, errors: String, report: Report, comparison: Report.Comparison) {
            let result = try await Program.run("claimctl", ["audit", "--against-broker", "--json"] + options)
            let report = try decode(Report.self, from: Data(result.output.utf8))
            return (result.code, result.errors, report, report.againstBroker)
        }

        /// Returns the number of lost claims that Redis holds for the metrics of ClaimAPI.
        private func storedLostCount() throws -> Int? {
            let text = try Cache.send("GET", "claims:lost").string ?? ""
            return text.firstMatch(of: /"violations":(\d+)/).flatMap { Int($0.1) }
        }

        /// Makes Redis forget the claims of other tests, whose rows were deleted.
        private func forgetOtherClaims() throws {
            for key in try Cache.send("KEYS", "c:*").array?.compactMap(\.string) ?? [] { try Cache.send("DEL", key) }
        }

        private func claimed(_ user: String, _ coupon: String, key: String = UUID().uuidString) async throws -> Claim {
            let claim = try await api.claim(try await api.submit(user, coupon, key: key).id, wait: 20)
            try #require(claim.outcome == "claimed")
            return claim
        }

        /// Undoes the decision of a claimed claim, as a failover to a replica that was behind does.
        private func loseRow(of id: String) throws {
            try Database.script(
                """
                begin; update coupons c set remaining_amount = remaining_amount + 1 from user_claims u
                    where u.claim_id = '\(id)' and c.id = u.coupon_id;
                delete from user_claims where claim_id = '\(id)'; delete from claims where id = '\(id)'; commit
                """)
        }

        private func lane(of coupon: String) throws -> String {
            "claims.work.\(try #require(CouponName(coupon)).lane(of: Setup.lanes))"
        }

        /// Removes the only message of a queue.
        private func takeMessage(from queue: String) async throws {
            let connection = try RabbitMQ.connection()
            try connection.consume(queue, prefetch: 1, channel: 1)
            guard case .delivered(let delivery, _) = try connection.nextEvent(atMost: .seconds(5)) else {
                throw TestFailure(description: "\(queue) is empty")
            }
            try connection.acknowledge(delivery.tag, multiple: false, channel: 1)
            // The answer follows the acknowledgement.
            _ = try connection.depth(of: queue, channel: 1)
            connection.close()
            try await eventually("the queue to be empty") { try RabbitMQ.depth(queue) == 0 }
        }
    }
}
