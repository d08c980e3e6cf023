import Claims
import Foundation
import Testing

extension IntegrationTests {
    /// The routes for coupons follow the contract.
    @Suite(.system(workers: 1), .checked)
    struct CouponContract {
        let system = System.current
        var api: API { system.api }

        @Test func aNewCouponIsFoundAtItsLocation() async throws {
            let name = try await api.coupon("NEW", amount: 3)
            let answer = try await api.post("/coupons", json: #"{"name":"x \#(name.lowercased())?","amount":3}"#)
            #expect(answer.status == 201)
            let created = try answer.decoded(Coupon.self)
            #expect(created.name == "X_\(name)" && created.amount == 3 && created.remainingAmount == 3)
            let location = try #require(answer.header("Location"))
            #expect(location == "/coupons/X_\(name)")
            let shown = try await api.get(location).decoded(Coupon.self)
            #expect(shown.claimedBy == [])
            let written = try await api.get("/coupons/x%20\(name.lowercased())!").decoded(Coupon.self)
            #expect(written.name == created.name)
        }

        @Test func anExistingNameIsAConflictInAnySpelling() async throws {
            let name = try await api.coupon("EXISTS", amount: 3)
            for written in [name, name.lowercased(), "--\(name)--", name.replacing("_", with: " ?! ")] {
                let answer = try await api.post("/coupons", json: #"{"name":"\#(written)","amount":9}"#)
                #expect(answer.status == 409 && answer.code == "coupon_exists", "\(answer)")
            }
            #expect(try await api.coupon(name).amount == 3, "nothing was changed")
        }

        @Test(arguments: [
            ("{}", "name"), (#"{"name":"A"}"#, "amount"), (#"{"name":"!?","amount":1}"#, "name"),
            (#"{"name":"A","amount":-1}"#, "amount"), (#"{"name":"A","amount":2147483648}"#, "amount"),
            (#"{"name":"A","amount":1.5}"#, "amount"), (#"{"name":"A","amount":"1"}"#, "amount"),
            (#"{"name":"A","amount":1,"per_user_limit":0}"#, "per_user_limit"),
            (#"{"name":"A","amount":1,"starts_at":"yesterday"}"#, "starts_at"),
            (
                #"{"name":"A","amount":1,"starts_at":"2030-01-02T00:00:00Z","ends_at":"2030-01-01T00:00:00Z"}"#,
                "ends_at"
            ),
            (#"{"name":"A","amount":1,"eligible_users":["a",""]}"#, "eligible_users"),
        ])
        func anInvalidCouponIsRefusedNamingTheField(body: String, field: String) async throws {
            let answer = try await api.post("/coupons", json: body)
            #expect(answer.status == 422 && answer.code == "invalid_body", "\(answer)")
            #expect(answer.problem?.detail.contains(field) == true, "\(answer)")
        }

        @Test func theLargestAmountIsAcceptedAndOnlyListsMayBeLarge() async throws {
            _ = try await api.coupon("MANY", amount: 2_147_483_647)
            let users = (0..<20_000).map { "\"user-\($0)\"" }.joined(separator: ",")
            _ = try await api.coupon("LIST", amount: 1, rules: #","eligible_users":[\#(users)]"#)
            let long = String(repeating: " ", count: 17 * 1024)
            let answer = try await api.post("/coupons", json: #"{"name":"LONG","amount":1\#(long)}"#)
            #expect(answer.status == 413 && answer.code == "body_too_large")
        }

        @Test func aCouponMayHaveAHundredThousandEligibleUsers() async throws {
            func body(_ count: Int, _ name: String) -> String {
                let users = (0..<count).map { #""user-\#($0)""# }.joined(separator: ",")
                return #"{"name":"\#(name)","amount":1,"eligible_users":[\#(users)]}"#
            }
            let name = "LONG_LIST_\(UInt32.random(in: 0 ... .max))"
            let created = try await api.post("/coupons", json: body(100_000, name))
            #expect(created.status == 201, "\(created)")
            let answer = try await api.get("/coupons/\(name)/eligibility?user_id=user-99999")
            #expect(answer.text == #"{"eligible":true,"reasons":[]}"#, "\(answer)")
            for count in [100_001, 1_000_000] {
                let refused = try await api.post("/coupons", json: body(count, "\(name)_\(count)"))
                #expect(refused.status == 422 && refused.code == "invalid_body", "\(refused)")
                #expect(refused.problem?.detail.contains("eligible_users") == true, "\(refused)")
            }
        }

        /// Longer than the 2 s that any other request may take.
        @Test func aListMayTakeSecondsToBeStored() async throws {
            let coupon = try await api.coupon("SLOW_LIST", amount: 1)
            try FailureInjection.delayInserts(into: "eligible_users", seconds: 3)
            defer { try? FailureInjection.stopDelaying("eligible_users") }
            let created = try await api.post(
                "/coupons", json: #"{"name":"\#(coupon)_2","amount":1,"eligible_users":["u1"]}"#)
            #expect(created.status == 201, "\(created)")
            let put = try await api.send(
                "PUT", "/coupons/\(coupon)/eligible-users", headers: [("Content-Type", "text/plain")], body: "u1")
            #expect(put.status == 200, "\(put)")
        }

        @Test func pagesOfCouponsSkipNothingAndRepeatNothing() async throws {
            let part = try await api.coupon("PAGED", amount: 0)
            var made = [part]
            for number in 1...4 { made.append(try await api.coupon("\(part)_N\(number)", amount: 0)) }
            var seen: [String] = []
            var cursor = ""
            repeat {
                let answer = try await api.get("/coupons?search=\(part.lowercased())&limit=2\(cursor)")
                let page = try answer.decoded(CouponPage.self)
                #expect(try answer.fields() == ["coupons", "next_cursor"])
                #expect(page.coupons.count <= 2)
                seen += page.coupons.map(\.name)
                cursor = page.nextCursor.map { "&cursor=\(escaped($0))" } ?? ""
            } while !cursor.isEmpty
            #expect(seen == made.sorted())
            let none = try await api.get("/coupons?search=\(part)_NOTHING").decoded(CouponPage.self)
            #expect(none.coupons.isEmpty && none.nextCursor == nil)
        }

        @Test func claimsOfACouponArePagedByStatusInTheOrderOfDecision() async throws {
            let coupon = try await api.coupon("CLAIMS", amount: 3)
            var ids: [String] = []
            for user in 0..<7 {
                ids.append(try await api.submit("u\(user)", coupon).id)
                _ = try await api.claim(ids[user], wait: 10)
            }
            var seen: [String] = []
            var cursor = ""
            repeat {
                let page = try await api.get("/coupons/\(coupon)/claims?limit=3\(cursor)").decoded(ClaimPage.self)
                seen += page.claims.map(\.id)
                cursor = page.nextCursor.map { "&cursor=\(escaped($0))" } ?? ""
            } while !cursor.isEmpty
            #expect(seen == ids)
            let won = try await api.get("/coupons/\(coupon)/claims?status=claimed").decoded(ClaimPage.self)
            #expect(won.claims.map(\.id) == Array(ids.prefix(3)))
            let lost = try await api.get("/coupons/\(coupon)/claims?status=rejected").decoded(ClaimPage.self)
            #expect(lost.claims.tally == ["rejected sold_out": 4])
            #expect(try await api.coupon(coupon).claimedBy == ["u0", "u1", "u2"])
        }

        @Test(arguments: ["limit=0", "limit=-1", "limit=x", "limit=1000000", "cursor=!", "cursor=AAAA", "status=lost"])
        func anInvalidQueryParameterIsRefusedByName(query: String) async throws {
            let coupon = try await api.coupon("QUERY", amount: 1)
            let paths =
                query.hasPrefix("status") ? ["/coupons/\(coupon)/claims"] : ["/coupons", "/coupons/\(coupon)/claims"]
            for path in paths {
                let answer = try await api.get("\(path)?\(query)")
                #expect(answer.status == 400 && answer.code == "invalid_parameter", "\(path)?\(query): \(answer)")
                #expect(answer.problem?.detail.contains(query.prefix { $0 != "=" }) == true)
            }
        }

        @Test(arguments: ["/coupons/NO_SUCH", "/coupons/NO_SUCH/claims", "/coupons/%21"])
        func anUnknownCouponIsNotFound(path: String) async throws {
            let answer = try await api.get(path)
            #expect(answer.status == 404 && answer.code == "coupon_not_found", "\(answer)")
        }

        private func escaped(_ cursor: String) -> String {
            cursor.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? cursor
        }
    }
}
