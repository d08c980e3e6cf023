import Testing

@testable import Claims
@testable import Postgres

extension IntegrationTests {
    /// The plans of the queries that would be slow on a coupon with millions of claims.
    @Suite(.system(workers: 0), .checked)
    struct QueryPlans {
        private let name = CouponName("PLANNED")!

        @Test func theHoldersOfACouponAreReadInTheOrderOfAnIndex() throws {
            let plan = try plan(of: CouponStore.finding(name)[1])
            #expect(plan.contains("Index Scan using user_claims_pkey"), "\(plan)")
            #expect(!plan.contains("Sort") && !plan.contains("Bitmap") && !plan.contains("Seq Scan"), "\(plan)")
        }

        @Test(arguments: ClaimStatus.allCases.map { [$0] } + [ClaimStatus.allCases])
        func aPageOfClaimsReadsNoMoreThanAPageOfEachStatus(statuses: [ClaimStatus]) throws {
            let plan = try plan(of: CouponStore.paging(name, statuses: statuses, after: nil, limit: 100))
            let lines = plan.split(separator: "\n").map { $0.drop { " ->".contains($0) } }
            // The sort merges the pages; what it sorts is limited below it.
            let inner = lines.lastIndex { $0.hasPrefix("Limit") }
            let sort = lines.lastIndex { $0.hasPrefix("Sort") && !$0.hasPrefix("Sort Key") }
            #expect(try #require(inner) > #require(sort), "\(plan)")
            #expect(plan.contains("Index Scan using claims_of_a_coupon_by_status"), "\(plan)")
            #expect(plan.contains("(coupon_name = $1) AND (status = wanted.status) AND (number > $3)"), "\(plan)")
            #expect(!plan.contains("Filter") && !plan.contains("Bitmap") && !plan.contains("Seq Scan"), "\(plan)")
        }

        /// Returns the generic plan of a query, which does not depend on its parameters, over a coupon of some thousand
        /// claims. The rows are rolled back.
        private func plan(of query: PostgresQuery) throws -> String {
            let types: [UInt32: String] = [25: "text", 20: "bigint", 1009: "text[]"]
            let parameters = try query.parameters.map { try #require(types[$0.type]) }.joined(separator: ", ")
            let nulls = query.parameters.map { _ in "null" }.joined(separator: ", ")
            let connection = try Database.connection()
            try connection.script("begin; \(Self.rows); prepare planned (\(parameters)) as \(query.sql)")
            let rows = try connection.execute("explain (costs off) execute planned (\(nulls))")
            return (0..<rows.count).compactMap { rows.text($0, 0) }.joined(separator: "\n")
        }

        private static let rows = """
            insert into coupons (name, amount, remaining_amount) values ('PLANNED', 9000, 4500);
            insert into claims (id, status, reason, user_id, coupon_name, attempts, created_at, decided_at)
            select md5('planned' || n) || '00000000', case when n % 2 = 0 then 'claimed' else 'rejected' end,
                case when n % 2 = 0 then null else 'sold_out' end, 'u' || n, 'PLANNED', 1, now(), now()
            from generate_series(1, 9000) n;
            insert into user_claims (coupon_id, user_id, slot, claim_id)
            select c.id, k.user_id, 1, k.id from claims k join coupons c on c.name = k.coupon_name
            where k.coupon_name = 'PLANNED' and k.status = 'claimed' order by k.number;
            -- Many small coupons, so that the average coupon has few holders.
            insert into user_claims (coupon_id, user_id, slot, claim_id)
            select -1 - n % 5000, 'u' || n, 1, 'small-' || n from generate_series(1, 20000) n;
            analyze coupons, claims, user_claims
            """

        @Test func pagesOfClaimsAreInTheOrderOfDecisionAcrossStatuses() throws {
            let connection = try Database.connection()
            try connection.script("begin; \(Self.rows)")
            let store = CouponStore(connection)
            var numbers: [Int] = []
            var statuses: [ClaimStatus] = []
            while let page = try store.claims(of: name, status: nil, after: numbers.last, limit: 1000), !page.isEmpty {
                numbers += page.map(\.number)
                statuses += page.map(\.claim.status)
            }
            try #require(numbers.count == 9000)
            #expect(numbers == numbers.sorted() && Set(numbers).count == 9000)
            #expect(statuses.prefix(4) == [.rejected, .claimed, .rejected, .claimed])
            let claimed = try #require(try store.claims(of: name, status: .claimed, after: numbers[10], limit: 3))
            #expect(claimed.map(\.number) == [numbers[11], numbers[13], numbers[15]])
            #expect(try store.claims(of: name, status: .cancelled, after: nil, limit: 3)?.isEmpty == true)
        }
    }
}
