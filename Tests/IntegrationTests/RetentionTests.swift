import Foundation
import Postgres
import Testing

extension IntegrationTests {
    /// Claims of coupons that ended before the retention period.
    @Suite(.system(workers: 1, ["CLAIMS_RETENTION_DAYS": "2"]), .checked)
    struct Retention {
        private let system = System.current
        private var api: API { system.api }

        /// Accepts and decides claims ten days ago, on a coupon that has ended since.
        private func oldClaims(_ users: [String], amount: Int) async throws -> (coupon: String, ids: [String]) {
            let coupon = try await api.coupon("OLD", amount: amount)
            let old = try await system.startAPI(
                "api-old", port: Setup.httpPort + 1, Clock.shifted(by: "-10d"))
            var ids: [String] = []
            for user in users { ids.append(try await old.submit(user, coupon).id) }
            for id in ids { _ = try await api.claim(id, wait: 20) }
            for id in ids { api.ledger.remove(id) }
            try age(coupon)
            return (coupon, ids)
        }

        private func age(_ coupon: String) throws {
            try Database.script(
                """
                update claims set decided_at = decided_at - interval '10 days' where coupon_name = '\(coupon)';
                update coupons set ends_at = now() - interval '9 days' where name = '\(coupon)'
                """)
        }

        /// Adds decided claims to a coupon, half of them with a coupon each.
        private func addRows(_ count: Int, to coupon: String) throws {
            try Database.script(
                """
                begin;
                insert into claims (id, status, reason, user_id, coupon_name, attempts, created_at, decided_at)
                select md5('\(coupon)' || n) || '00000000', case when n % 2 = 0 then 'claimed' else 'rejected' end,
                    case when n % 2 = 0 then null else 'sold_out' end, 'row-' || n, '\(coupon)', 1, now(), now()
                from generate_series(1, \(count)) n;
                insert into user_claims (coupon_id, user_id, slot, claim_id)
                select c.id, k.user_id, 1, k.id from claims k join coupons c on c.name = k.coupon_name
                where k.coupon_name = '\(coupon)' and k.status = 'claimed' and k.user_id like 'row-%';
                update coupons set amount = amount + \(count / 2) where name = '\(coupon)';
                commit
                """)
        }

        private func restartWorker() async throws {
            try system.program("worker-1").signal(SIGKILL)
            _ = try await system.startWorker("archiver")
        }

        private func waitUntilArchived(_ coupon: String) async throws {
            try await eventually("\(coupon) to be archived", within: .seconds(30)) {
                try Database.number("select count(*) from coupons where name = $1", .text(coupon)) == 0
            }
        }

        @Test func anArchivedClaimIsGoneAndItsRowsAreInTheArchive() async throws {
            let (coupon, ids) = try await oldClaims(["ann", "ben", "cleo"], amount: 2)
            #expect(try await api.cancel(ids[1]).status == 202)
            try await api.cancelled(ids[1])
            try age(coupon)
            try Cache.send("FLUSHALL")
            try await restartWorker()
            try await waitUntilArchived(coupon)
            for id in ids {
                let answer = try await api.get("/claims/\(id)")
                #expect(answer.status == 410 && answer.code == "gone", "\(answer)")
                #expect(try await api.send("POST", "/claims/\(id)/cancel").status == 410)
                #expect(try await api.get("/claims/\(id)/events").status == 410)
            }
            let archived = try Database.rows(
                "select user_id, status from claims_archive where coupon_name = $1 order by user_id", columns: 2,
                .text(coupon))
            #expect(archived == [["ann", "claimed"], ["ben", "cancelled"], ["cleo", "rejected"]])
            let amounts = try Database.rows(
                "select amount, remaining_amount from coupons_archive where name = $1", columns: 2, .text(coupon))
            #expect(amounts == [["2", "1"]])
        }

        /// The id of a claim that was decided on the first day of the period does not tell that the claim is gone.
        @Test func aClaimOfTheFirstDayOfThePeriodIsKept() async throws {
            let (edge, _) = try await oldClaims(["ann"], amount: 1)
            try Database.script(
                """
                update claims set decided_at = date_trunc('day', now() at time zone 'UTC') at time zone 'UTC'
                    - interval '2 days' where coupon_name = '\(edge)'
                """)
            let (due, _) = try await oldClaims(["ann"], amount: 1)
            try await restartWorker()
            try await waitUntilArchived(due)
            #expect(try Database.number("select count(*) from claims where coupon_name = $1", .text(edge)) == 1)
        }

        @Test func aPendingClaimIsNotGone() async throws {
            let coupon = try await api.coupon("NEW", amount: 1)
            let worker = try system.program("worker-1")
            worker.freeze()
            let id = try await api.submit("ann", coupon).id
            try Cache.send("FLUSHALL")
            #expect(try await api.claim(id).status == "pending")
            worker.thaw()
            #expect(try await api.claim(id, wait: 20).status == "claimed")
        }

        @Test func aCouponThatHasNotEndedOrHasADeadLetterIsKept() async throws {
            let (open, _) = try await oldClaims(["ann"], amount: 1)
            try Database.script("update coupons set ends_at = null where name = '\(open)'")
            let (dead, ids) = try await oldClaims(["ann", "ben"], amount: 1)
            try Database.script(
                "update claims set status = 'dead_lettered', reason = 'database_error' where id = '\(ids[1])'")
            let (late, _) = try await oldClaims(["ann"], amount: 1)
            try Database.script("update claims set decided_at = now() where coupon_name = '\(late)'")
            let (due, _) = try await oldClaims(["ann"], amount: 1)
            try await restartWorker()
            try await waitUntilArchived(due)
            try await eventually("the first claim of \(dead) to be archived") {
                try Database.number("select count(*) from claims where coupon_name = $1", .text(dead)) == 1
            }
            #expect(try await api.coupon(dead).amount == 0)
            for coupon in [open, late] { #expect(try await api.coupon(coupon).claimedBy == ["ann"]) }
            try Database.script("update claims set status = 'discarded' where id = '\(ids[1])'")
        }

        /// The invariants hold after each batch, and after kills of the worker that archives.
        @Test func aKilledArchiverLeavesTheTablesConsistent() async throws {
            let (coupon, _) = try await oldClaims([], amount: 0)
            try addRows(20_000, to: coupon)
            try age(coupon)
            func rows() throws -> Int {
                try Database.number("select count(*) from claims where coupon_name = $1", .text(coupon))
            }
            try system.program("worker-1").signal(SIGKILL)
            for round in 1...3 {
                let worker = try await system.startWorker("archiver-\(round)", subscribed: false)
                let before = try rows()
                try await eventually("a batch", every: .milliseconds(2)) { try rows() < before }
                worker.signal(SIGKILL)
                let audit = try await claimctl("audit")
                #expect(audit.code == 0, "\(audit)")
            }
            _ = try await system.startWorker("archiver-last")
            try await waitUntilArchived(coupon)
            let count = try Database.number("select count(*) from claims_archive where coupon_name = $1", .text(coupon))
            #expect(count == 20_000)
        }

        @Test func aForgottenUsersClaimsBelongToAPseudonym() async throws {
            let coupon = try await api.coupon("FORGET", amount: 2, rules: #", "eligible_users": ["ann", "ben"]"#)
            let id = try await api.submit("ann", coupon).id
            let other = try await api.submit("ben", coupon).id
            for id in [id, other] { #expect(try await api.claim(id, wait: 20).status == "claimed") }
            let result = try await claimctl("user", "forget", "ann", "--yes", "--json")
            #expect(result.code == 0, "\(result)")
            let claim = try await api.claim(id)
            let pseudonym = try #require(claim.userId)
            #expect(pseudonym.hasPrefix("forgotten-") && result.output.contains(pseudonym))
            #expect(claim.status == "claimed")
            #expect(Set(try await api.coupon(coupon).claimedBy ?? []) == [pseudonym, "ben"])
            for table in ["claims", "claims_archive", "user_claims", "eligible_users"] {
                #expect(try Database.number("select count(*) from \(table) where user_id = 'ann'") == 0, "\(table)")
            }
            #expect(try await claimctl("user", "forget", "ann", "--yes").code == 2)
            #expect(try await claimctl("user", "forget", "ann").code == 64)
        }
    }
}
