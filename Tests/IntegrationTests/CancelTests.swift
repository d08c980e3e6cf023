import Broker
import Claims
import Foundation
import OrderedCollections
import Postgres
import RuntimeSupport
import Testing

extension IntegrationTests {
    /// Cancelling claims.
    @Suite(.system(workers: 1, ["CLAIMS_RETRY_DELAYS_MS": "50,50,50"]), .checked)
    struct Cancellations {
        let system = System.current
        var api: API { system.api }

        @Test func aCancelledCouponCanBeClaimedAgain() async throws {
            let coupon = try await api.coupon("BACK", amount: 1)
            let claim = try await claimed("u1", coupon)
            let answer = try await api.cancel(claim.id)
            #expect(answer.status == 202 && answer.header("Location") == "/claims/\(claim.id)", "\(answer)")
            #expect(["claimed", "cancelled"].contains(try answer.decoded(Claim.self).status))
            let cancelled = try await api.cancelled(claim.id)
            #expect(cancelled.outcome == "cancelled" && cancelled.attempts == 1)
            #expect(try #require(cancelled.decidedAt) >= #require(claim.decidedAt))
            let after = try await api.coupon(coupon)
            #expect(after.remainingAmount == 1 && after.claimedBy == [])
            #expect(try await claimed("u1", coupon).id != claim.id, "the same user, with a new key")
            let again = try await api.submit("u2", coupon)
            #expect(try await api.claim(again.id, wait: 10).outcome == "rejected sold_out")
        }

        @Test func cancellingTwiceIsHarmless() async throws {
            let coupon = try await api.coupon("TWICE", amount: 3)
            let claim = try await claimed("u1", coupon)
            let answers = try await concurrently(Array(0..<50)) { _ in try await api.cancel(claim.id) }
            #expect(answers.allSatisfy { $0.status == 202 })
            _ = try await api.cancelled(claim.id)
            _ = try await decideAnotherClaim(of: coupon)
            #expect(try await api.cancel(claim.id).status == 202)
            #expect(try await api.coupon(coupon).remainingAmount == 2, "one coupon went to the last claim")
        }

        @Test func aClaimStaysClaimedUntilItsCancellationHasTakenEffect() async throws {
            let coupon = try await api.coupon("UNTIL", amount: 1)
            let claim = try await claimed("u1", coupon)
            let worker = try system.program("worker-1")
            worker.freeze()
            #expect(try await api.cancel(claim.id).decoded(Claim.self).status == "claimed")
            #expect(try await api.claim(claim.id, wait: 1).status == "claimed")
            worker.thaw()
            _ = try await api.cancelled(claim.id)
        }

        @Test func aClaimWithoutACouponCannotBeCancelled() async throws {
            let coupon = try await api.coupon("NOTHING", amount: 0)
            let rejected = try await api.submit("u1", coupon)
            _ = try await api.claim(rejected.id, wait: 10)
            let answer = try await api.cancel(rejected.id)
            #expect(answer.status == 409 && answer.code == "not_cancellable", "\(answer)")
            let worker = try system.program("worker-1")
            worker.freeze()
            let pending = try await api.submit("u2", coupon)
            let early = try await api.cancel(pending.id)
            #expect(early.status == 409 && early.code == "not_cancellable", "\(early)")
            worker.thaw()
            let unknown = try await api.cancel(String(repeating: "0", count: 40))
            #expect(unknown.status == 404 && unknown.code == "claim_not_found", "\(unknown)")
        }

        /// Holds for claims decided in one batch and in several.
        @Test func aCancellationIsDecidedInOrderWithTheClaimsOfItsCoupon() async throws {
            let coupon = try await api.coupon("ORDER", amount: 1)
            let first = try await claimed("u1", coupon)
            let worker = try system.program("worker-1")
            worker.freeze()
            let before = try await api.submit("u2", coupon)
            #expect(try await api.cancel(first.id).status == 202)
            let next = try await api.submit("u3", coupon)
            let last = try await api.submit("u4", coupon)
            worker.thaw()
            let outcomes = try await [before, next, last].asyncMap { try await api.claim($0.id, wait: 20).outcome }
            #expect(outcomes == ["rejected sold_out", "claimed", "rejected sold_out"])
            _ = try await api.cancelled(first.id)
        }

        @Test func theSlotsOfAUserStayDenseAfterCancellations() async throws {
            let coupon = try await api.coupon("SLOTS", amount: 20, rules: #","per_user_limit":5"#)
            var held: [String] = []
            for round in 0..<12 {
                while held.count < 5 { held.append(try await claimed("u1", coupon).id) }
                let over = try await api.submit("u1", coupon)
                #expect(try await api.claim(over.id, wait: 10).outcome == "rejected already_claimed")
                let gone = [held.remove(at: round % 5), held.remove(at: (round * 7) % 4)]
                for id in gone { #expect(try await api.cancel(id).status == 202) }
                for id in gone { _ = try await api.cancelled(id) }
                let slots = try Database.rows(
                    """
                    select slot, claim_id from user_claims u join coupons c on c.id = u.coupon_id
                    where c.name = $1 order by slot
                    """, columns: 2, .text(coupon))
                #expect(slots.map { $0[0] } == ["1", "2", "3"])
                #expect(Set(slots.compactMap { $0[1] }) == Set(held))
            }
        }

        @Test func severalClaimsOfOneUserAreCancelledInOneBatch() async throws {
            let coupon = try await api.coupon("BATCH", amount: 20, rules: #","per_user_limit":6"#)
            let ids = try await (0..<6).asyncMap { _ in try await claimed("u1", coupon).id }
            let worker = try system.program("worker-1")
            worker.freeze()
            for id in [ids[0], ids[3], ids[4], ids[0]] { #expect(try await api.cancel(id).status == 202) }
            worker.thaw()
            for id in [ids[0], ids[3], ids[4]] { _ = try await api.cancelled(id) }
            let slots = try Database.rows(
                "select slot from user_claims where claim_id = any($1) order by slot", columns: 1, .texts(ids))
            #expect(slots == [["1"], ["2"], ["3"]])
            #expect(try await api.coupon(coupon).remainingAmount == 17)
        }

        @Test func aCancelledClaimThatIsDeliveredAgainStaysCancelled() async throws {
            let coupon = try await api.coupon("AGAIN", amount: 1)
            let claim = try await api.submit("u1", coupon, key: "again-\(coupon)")
            _ = try await api.claim(claim.id, wait: 10)
            #expect(try await api.cancel(claim.id).status == 202)
            _ = try await api.cancelled(claim.id)
            try RabbitMQ.publish(try message(claim, .claim), lane: try lane(coupon))
            _ = try await decideAnotherClaim(of: coupon)
            #expect(try await api.claim(claim.id).outcome == "cancelled")
            let replay = try await api.post(API.Order(user: "u1", coupon: coupon, key: "again-\(coupon)"))
            #expect(replay.header("Idempotency-Replayed") == "true")
            #expect(try replay.decoded(Claim.self).status == "cancelled")
        }

        @Test func aCancellationThatArrivesBeforeItsClaimIsHarmless() async throws {
            let coupon = try await api.coupon("EARLY", amount: 1)
            let worker = try system.program("worker-1")
            worker.freeze()
            var claim = Claim(
                id: "", status: "pending", reason: nil, userId: "u1", couponName: coupon, attempts: nil,
                createdAt: "2026-01-01T00:00:00Z", decidedAt: nil)
            claim.id =
                ClaimIDIssuer(secret: try #require(ProcessInfo.processInfo.environment["CLAIMS_ID_SECRET"]))
                .id(
                    user: try #require(UserID("u1")), key: try #require(IdempotencyKey(headerValue: coupon)), at: .now()
                )
                .description
            try RabbitMQ.publish(try message(claim, .cancel), lane: try lane(coupon))
            #expect(try await api.submit("u1", coupon, key: coupon).id == claim.id)
            worker.thaw()
            #expect(try await api.claim(claim.id, wait: 20).outcome == "claimed")
        }

        @Test func aFailedCancellationIsDeadLetteredAndTheClaimStaysClaimed() async throws {
            let coupon = try await api.coupon("STUCK", amount: 2)
            let claim = try await claimed("u1", coupon)
            let other = try await claimed("u2", coupon)
            try Database.script(
                """
                create or replace function keep() returns trigger language plpgsql as $$
                begin raise exception 'delete refused by the test'; end $$;
                create or replace trigger keep before delete on user_claims for each row
                when (old.claim_id = '\(claim.id)') execute function keep();
                """)
            defer { try? Database.script("drop trigger if exists keep on user_claims") }
            let worker = try system.program("worker-1")
            worker.freeze()
            for id in [claim.id, other.id] { #expect(try await api.cancel(id).status == 202) }
            worker.thaw()
            _ = try await api.cancelled(other.id)
            let dead = try await eventually("the cancellation in claims.dead") { try RabbitMQ.dead(claim.id) }
            #expect(dead.properties.type == "cancel")
            #expect(dead.properties.headers["reason"]?.string == "database_error")
            #expect(dead.properties.headers["attempts"]?.integer == 4)
            #expect(try await api.claim(claim.id).outcome == "claimed")
            let audit = try await claimctl("audit")
            #expect(audit.code == 0, "\(audit.text)")
            // The dead letter is the complete cancellation. Replayed, it takes effect.
            try Database.script("drop trigger keep on user_claims")
            let shown = try await claimctl("dlq", "show", claim.id)
            #expect(shown.code == 0 && !shown.output.contains("has no effect"), "\(shown)")
            let replayed = try await claimctl("dlq", "replay", claim.id, "--yes")
            #expect(replayed.code == 0 && replayed.output.contains("1 newly decided"), "\(replayed)")
            #expect(try await api.claim(claim.id).outcome == "cancelled")
            #expect(try await api.coupon(coupon).remainingAmount == 2)
        }

        @Test func anUnreadableCancellationLeavesItsClaimClaimed() async throws {
            let coupon = try await api.coupon("GARBLED", amount: 1)
            let claim = try await claimed("u1", coupon)
            var garbled = try message(claim, .cancel)
            garbled.body = Array(#"{"version":7}"#.utf8)
            try RabbitMQ.publish(garbled, lane: try lane(coupon))
            try await eventually("the message in claims.dead") { try RabbitMQ.dead(claim.id) != nil }
            #expect(try await api.claim(claim.id).outcome == "claimed")
        }

        @Test(.timeLimit(.minutes(4)))
        func concurrentCancellationsAndClaimsOfTheLastCouponKeepTheSum() async throws {
            let coupon = try await api.coupon("RACE", amount: 1)
            for round in 0..<100 {
                let holder = try await claimed("holder-\(round)", coupon)
                async let cancels = concurrently(Array(0..<3)) { _ in try await api.cancel(holder.id).status }
                let rivals = try await concurrently(Array(0..<6)) { try await api.submit("r\(round)-\($0)", coupon) }
                #expect(try await cancels == [202, 202, 202])
                let outcomes = try await concurrently(rivals) { try await api.claim($0.id, wait: 20) }
                _ = try await api.cancelled(holder.id)
                try expectEquation(coupon)
                let winners = outcomes.filter { $0.status == "claimed" }
                #expect(winners.count <= 1 && outcomes.allSatisfy { $0.status != "pending" })
                for winner in winners {
                    #expect(try await api.cancel(winner.id).status == 202)
                    _ = try await api.cancelled(winner.id)
                }
                try expectEquation(coupon)
            }
        }

        @Test func theCommandLineCancelsAClaim() async throws {
            let coupon = try await api.coupon("CTL", amount: 1)
            let claim = try await claimed("u1", coupon)
            let result = try await claimctl("claim", "cancel", claim.id, "--wait", "20", "--json")
            #expect(result.code == 0 && result.output.contains(#""status":"cancelled""#), "\(result)")
            #expect(try await claimctl("claim", "cancel", claim.id).code == 0, "cancelling again is harmless")
            #expect(try await claimctl("claim", "cancel", "no-such-id").code == 2)
            let lost = try await api.submit("u2", try await api.coupon("CTL_NONE", amount: 0))
            _ = try await api.claim(lost.id, wait: 10)
            let refused = try await claimctl("claim", "cancel", lost.id)
            #expect(refused.code == 1 && refused.errors.contains("not_cancellable"), "\(refused)")
        }

        @Test func theAuditReportsWhatACancellationMustNotLeaveBehind() async throws {
            let coupon = try await api.coupon("AUDITED", amount: 3, rules: #","per_user_limit":2"#)
            let claim = try await claimed("u1", coupon)
            for (damage, repair, rule) in [
                (
                    "update user_claims set slot = 2 where claim_id = '\(claim.id)'",
                    "update user_claims set slot = 1 where claim_id = '\(claim.id)'", "slots_are_dense"
                ),
                (
                    "update claims set status = 'cancelled' where id = '\(claim.id)'",
                    "update claims set status = 'claimed' where id = '\(claim.id)'", "cancelled_claim_holds_nothing"
                ),
            ] {
                try Database.script(damage)
                let audit = try await claimctl("audit")
                try Database.script(repair)
                #expect(audit.code == 1 && audit.output.contains(rule), "\(audit)")
            }
        }

        // MARK: Helpers

        private func claimed(_ user: String, _ coupon: String) async throws -> Claim {
            let id = try await api.submit(user, coupon).id
            let claim = try await api.claim(id, wait: 20)
            try #require(claim.outcome == "claimed", "\(claim)")
            return claim
        }

        private func lane(_ coupon: String) throws -> Int {
            try #require(CouponName(coupon)).lane(of: Setup.lanes)
        }

        private func message(_ claim: Claim, _ action: ClaimAction) throws -> BrokerMessage {
            .claim(
                ClaimMessage(
                    id: try #require(ClaimID(claim.id)), userID: try #require(claim.userId.flatMap(UserID.init)),
                    couponName: try #require(claim.couponName.flatMap(CouponName.init)),
                    createdAt: try #require(claim.createdAt.flatMap(Timestamp.init)), action: action),
                encodedBy: .shared)
        }

        /// Decides one more claim of the coupon, and so all messages before it in the lane.
        private func decideAnotherClaim(of coupon: String) async throws -> Claim {
            let last = try await api.submit("last-\(UUID().uuidString)", coupon)
            return try await api.claim(last.id, wait: 20)
        }

        private func expectEquation(_ coupon: String) throws {
            let row = try Database.rows(
                """
                select amount - remaining_amount, (select count(*) from user_claims u where u.coupon_id = c.id),
                    (select count(*) from claims k where k.coupon_name = c.name and k.status = 'claimed')
                from coupons c where name = $1
                """, columns: 3, .text(coupon))[0]
            #expect(Set(row).count == 1, "\(row)")
        }
    }

    /// An accepted cancellation takes effect, even if processes crash.
    @Suite(.system(workers: 2, ["CLAIMS_BATCH": "5", "CLAIMS_HEARTBEAT_SECONDS": "1"]), .checked)
    struct CancellationsAndCrashes {
        let system = System.current
        var api: API { system.api }

        @Test func killedWorkersLoseNoCancellation() async throws {
            let ids = try await held(400)
            let workers = try ["worker-1", "worker-2"].map(system.program)
            workers.forEach { $0.freeze() }
            let answers = try await concurrently(ids) { try await api.cancel($0).status }
            #expect(answers.allSatisfy { $0 == 202 })
            workers.forEach { $0.thaw() }
            try await eventually("some to be cancelled", every: .zero) { try cancelled(ids) > 20 }
            workers.forEach { $0.signal(SIGKILL) }
            for worker in workers { try await worker.end(within: .seconds(5)) }
            #expect(try cancelled(ids) < 400, "they died before the end")
            try await system.startWorker("worker-3")
            try await eventually("all to be cancelled", within: .seconds(30)) { try cancelled(ids) == 400 }
            let claims = try await concurrently(ids) { try await api.cancelled($0) }
            #expect(claims.allSatisfy { $0.attempts == 1 })
        }

        @Test func aKilledAPILosesNoCancellationThatItAccepted() async throws {
            let ids = try await held(300)
            let other = try await system.startAPI("api-2", port: Setup.httpPort + 1)
            let program = try system.program("api-2")
            async let answers = concurrently(ids, atMost: 32) { id in
                if let answer = try? await other.cancel(id), answer.status == 202 { return true }
                return false
            }
            try await eventually("some to be cancelled", every: .zero) { try cancelled(ids) > 20 }
            program.signal(SIGKILL)
            let answered = zip(ids, try await answers).filter(\.1).map(\.0)
            #expect(answered.count < 300, "it died before the end")
            try await eventually("the accepted cancellations to take effect") {
                try cancelled(answered) == answered.count
            }
            // Requests without an answer are sent again to the other process.
            _ = try await concurrently(ids) { try await api.cancel($0) }
            try await eventually("all to be cancelled") { try cancelled(ids) == 300 }
        }

        @Test func anOutageOfAStoreIsReportedAndLosesNoCancellation() async throws {
            let ids = try await held(3)
            try await Server.redis.kill9()
            #expect(try await api.cancel(ids[0]).status == 202, "the state is read from PostgreSQL")
            try await Server.postgres.kill9()
            try await eventually("PostgreSQL to be unavailable") { try await api.get("/coupons").status == 503 }
            let unknown = try await api.cancel(ids[1])
            #expect(unknown.status == 503 && unknown.code == "store_unavailable", "\(unknown)")
            #expect(unknown.header("Retry-After") != nil)
            try await Server.postgres.start()
            try await Server.redis.start()
            try await system.recover()
            _ = try await api.cancelled(ids[0])
            try await Server.rabbitmq.kill9()
            let unsent = try await eventually("the loss of the broker to be noticed") {
                let answer = try await api.cancel(ids[2])
                return answer.status == 503 ? answer : nil
            }
            #expect(unsent.code == "broker_unavailable" && unsent.header("Retry-After") != nil, "\(unsent)")
            try await Server.rabbitmq.start()
            try await eventually("the cancellation to be accepted", within: .seconds(40)) {
                try await api.cancel(ids[2]).status == 202
            }
            _ = try await api.cancelled(ids[2])
        }

        private func held(_ count: Int) async throws -> [String] {
            let coupons = try await (0..<10).asyncMap { try await api.coupon("DEATH_\($0)", amount: count) }
            let claims = try await api.outcomes(
                (0..<count).map { API.Order(user: "u\($0)", coupon: coupons[$0 % 10]) })
            #expect(claims.tally == ["claimed": count])
            return claims.map(\.id)
        }

        private func cancelled(_ ids: [String]) throws -> Int {
            try Database.number("select count(*) from claims where id = any($1) and status = 'cancelled'", .texts(ids))
        }
    }
}

extension API {
    /// Requests the cancellation of a claim.
    func cancel(_ id: String) async throws -> Answer {
        try await send("POST", "/claims/\(id)/cancel")
    }

    /// Waits until a claim is cancelled.
    @discardableResult
    func cancelled(_ id: String) async throws -> Claim {
        try await eventually("\(id) to be cancelled", every: .milliseconds(10)) {
            let claim = try await claim(id)
            return claim.status == "cancelled" ? claim : nil
        }
    }
}
