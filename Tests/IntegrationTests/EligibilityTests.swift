import Claims
import Foundation
import NIOCore
import RuntimeSupport
import Testing

extension IntegrationTests {
    /// The API explains the rules of a coupon as the worker applies them.
    @Suite(.system(workers: 1), .checked)
    struct Eligibility {
        let system = System.current
        var api: API { system.api }

        private struct Explanation: Decodable, Equatable {
            let eligible: Bool
            let reasons: [String]
        }

        private struct List: Decodable {
            let couponName: String
            let isRestricted: Bool
            let eligibleUsers: Int
        }

        // MARK: Explaining and deciding

        @Test(
            arguments: [
                (1, "", "u1", []), (0, "", "u1", ["sold_out"]),
                (1, #","starts_at":"2999-01-01T00:00:00Z""#, "u1", ["not_started"]),
                (1, #","ends_at":"2020-01-01T00:00:00Z""#, "u1", ["expired"]),
                (1, #","eligible_users":["u2"]"#, "u1", ["not_eligible"]), (1, #","eligible_users":["u1"]"#, "u1", []),
                (1, #","eligible_users":[]"#, "u1", ["not_eligible"]),
                (
                    0, #","ends_at":"2020-01-01T00:00:00Z","eligible_users":[]"#, "u1",
                    ["expired", "not_eligible", "sold_out"]
                ),
            ] as [(Int, String, String, [String])])
        func allReasonsAreListedAndTheFirstIsThatOfAClaim(
            amount: Int, rules: String, user: String, reasons: [String]
        ) async throws {
            let coupon = try await api.coupon("RULES", amount: amount, rules: rules)
            #expect(try await explain(coupon, user) == Explanation(eligible: reasons.isEmpty, reasons: reasons))
            let claim = try await api.submit(user, coupon)
            let outcome = reasons.first.map { "rejected \($0)" } ?? "claimed"
            #expect(try await api.claim(claim.id, wait: 10).outcome == outcome)
        }

        @Test func aUserAtTheLimitIsNotEligible() async throws {
            let coupon = try await api.coupon("LIMIT", amount: 2, rules: #","per_user_limit":2"#)
            for _ in 0..<2 {
                #expect(try await explain(coupon, "u1").eligible)
                let claim = try await api.submit("u1", coupon)
                #expect(try await api.claim(claim.id, wait: 10).outcome == "claimed")
            }
            #expect(try await explain(coupon, "u1").reasons == ["already_claimed", "sold_out"])
            #expect(try await explain(coupon, "u2").reasons == ["sold_out"])
            let third = try await api.submit("u1", coupon)
            #expect(try await api.claim(third.id, wait: 10).outcome == "rejected already_claimed")
        }

        @Test func aClaimAcceptedBeforeTheEndIsInTime() async throws {
            let coupon = try await api.coupon("ENDING", amount: 1)
            let worker = try system.program("worker-1")
            worker.freeze()
            let claim = try await api.submit("u1", coupon)
            let accepted = try #require(claim.createdAt.flatMap(Timestamp.init))
            // The coupon ends right after this claim was accepted, and before a worker decides it.
            let end = Timestamp(milliseconds: accepted.milliseconds + 1)
            let change = try await patch(coupon, #"{"ends_at":"\#(end)"}"#)
            try #require(change.status == 200, "\(change)")
            try await eventually("the end of the coupon") { try await explain(coupon, "u2").reasons == ["expired"] }
            let late = try await api.submit("u2", coupon)
            worker.thaw()
            #expect(try await api.claim(claim.id, wait: 20).outcome == "claimed")
            #expect(try await api.claim(late.id, wait: 20).outcome == "rejected expired")
        }

        @Test func eligibilityNeedsACouponAndAUser() async throws {
            let coupon = try await api.coupon("ASK", amount: 1)
            for query in ["", "?user_id=", "?user_id=a%07b", "?user_id=\(String(repeating: "u", count: 129))"] {
                let answer = try await api.get("/coupons/\(coupon)/eligibility\(query)")
                #expect(answer.status == 400 && answer.code == "invalid_parameter", "\(answer)")
            }
            let unknown = try await api.get("/coupons/NO_SUCH/eligibility?user_id=u1")
            #expect(unknown.status == 404 && unknown.code == "coupon_not_found", "\(unknown)")
            #expect(try await explain(coupon.lowercased(), "%C3%BC%20%2B").eligible)
        }

        // MARK: Changing

        @Test func aChangeAppliesToTheClaimsDecidedAfterIt() async throws {
            let coupon = try await api.coupon("CHANGE", amount: 1)
            let worker = try system.program("worker-1")
            let first = try await api.submit("u1", coupon)
            _ = try await api.claim(first.id, wait: 10)
            worker.freeze()
            let claims = try await ["u2", "u3", "u1"].asyncMap { try await api.submit($0, coupon) }
            let changed = try await patch(coupon, #"{"amount":3,"per_user_limit":2}"#)
            #expect(changed.status == 200)
            #expect(try changed.decoded(Coupon.self).remainingAmount == 2)
            #expect(try changed.decoded(Coupon.self).claimedBy == ["u1"])
            worker.thaw()
            let outcomes = try await claims.asyncMap { try await api.claim($0.id, wait: 20).outcome }
            #expect(outcomes == ["claimed", "claimed", "rejected sold_out"])
        }

        @Test func theAmountIsNeverLessThanWhatIsClaimed() async throws {
            let coupon = try await api.coupon("BELOW", amount: 5)
            _ = try await api.outcomes((0..<3).map { API.Order(user: "u\($0)", coupon: coupon) })
            let refused = try await patch(coupon, #"{"amount":2,"per_user_limit":9}"#)
            #expect(refused.status == 409 && refused.code == "amount_below_claimed", "\(refused)")
            #expect(try await api.coupon(coupon).amount == 5, "nothing was changed")
            let exact = try await patch(coupon, #"{"amount":3}"#)
            #expect(exact.status == 200)
            #expect(try exact.decoded(Coupon.self).remainingAmount == 0)
        }

        @Test func changingTheAmountWhileClaimsAreDecidedKeepsTheSum() async throws {
            let coupon = try await api.coupon("MOVING", amount: 10)
            async let claims = api.outcomes((0..<300).map { API.Order(user: "u\($0)", coupon: coupon) })
            let statuses = try await (0..<60).asyncMap { round in
                try await patch(coupon, #"{"amount":\#((round * 37) % 200)}"#).status
            }
            #expect(Set(statuses).isSubset(of: [200, 409]))
            let won = try await claims.filter { $0.status == "claimed" }.count
            let after = try await api.coupon(coupon)
            #expect(after.amount - after.remainingAmount == won)
        }

        @Test func loweringTheLimitRevokesNoCoupon() async throws {
            let coupon = try await api.coupon("LOWERED", amount: 9, rules: #","per_user_limit":3"#)
            _ = try await api.outcomes((0..<3).map { _ in API.Order(user: "u1", coupon: coupon) })
            for limit in [1, 2] { #expect(try await patch(coupon, #"{"per_user_limit":\#(limit)}"#).status == 200) }
            #expect(try await api.coupon(coupon).claimedBy == ["u1", "u1", "u1"])
            #expect(try await explain(coupon, "u1").reasons == ["already_claimed"])
            let audit = try await claimctl("audit")
            #expect(audit.code == 0, "\(audit.text)")
        }

        @Test func aTimeIsRemovedByNull() async throws {
            let coupon = try await api.coupon("TIMES", amount: 1, rules: #","starts_at":"2999-01-01T00:00:00Z""#)
            let reversed = try await patch(coupon, #"{"ends_at":"2998-01-01T00:00:00Z"}"#)
            #expect(reversed.status == 422 && reversed.problem?.detail.contains("ends_at") == true, "\(reversed)")
            #expect(try await patch(coupon, #"{"ends_at":"2998-01-01T00:00:00Z","starts_at":null}"#).status == 200)
            #expect(try await explain(coupon, "u1").eligible)
            #expect(try await patch(coupon, "{}").status == 200, "an empty change is valid")
        }

        @Test(arguments: [
            (#"{"amount":-1}"#, "amount"), (#"{"amount":null}"#, "amount"), (#"{"amount":"1"}"#, "amount"),
            (#"{"per_user_limit":0}"#, "per_user_limit"), (#"{"starts_at":"soon"}"#, "starts_at"), ("[]", "object"),
        ])
        func anInvalidChangeIsRefusedNamingTheField(body: String, field: String) async throws {
            let answer = try await patch(try await api.coupon("INVALID", amount: 1), body)
            #expect(answer.status == 422 && answer.code == "invalid_body", "\(answer)")
            #expect(answer.problem?.detail.contains(field) == true, "\(answer)")
        }

        // MARK: The list

        @Test func aListCanBeReplacedExtendedReducedAndRemoved() async throws {
            let coupon = try await api.coupon("LIST", amount: 9)
            #expect(try await explain(coupon, "u1").eligible)
            let put = try await list("PUT", coupon, #"["u1","u2","u1"]"#)
            #expect(put.couponName == coupon && put.isRestricted && put.eligibleUsers == 2)
            #expect(try await eligible(coupon) == ["u1", "u2"])
            #expect(try await list("POST", coupon, "u3\nu1\r\n\n", type: "text/plain").eligibleUsers == 3)
            #expect(try await eligible(coupon) == ["u1", "u2", "u3"])
            #expect(try await list("DELETE", coupon, #"["u1","nobody"]"#).eligibleUsers == 2)
            #expect(try await eligible(coupon) == ["u2", "u3"])
            #expect(try await list("PUT", coupon, #"["u4","u2"]"#).eligibleUsers == 2)
            #expect(try await eligible(coupon) == ["u2", "u4"])
            let none = try await list("PUT", coupon, "[]")
            #expect(none.isRestricted && none.eligibleUsers == 0, "an empty list admits no user")
            #expect(try await eligible(coupon) == [])
            let lifted = try await api.send("DELETE", "/coupons/\(coupon)/eligible-users?all=true").decoded(List.self)
            #expect(!lifted.isRestricted && lifted.eligibleUsers == 0)
            #expect(try await eligible(coupon) == ["u1", "u2", "u3", "u4"])
            #expect(try await list("POST", coupon, #"["u3"]"#).isRestricted)
            #expect(try await eligible(coupon) == ["u3"])
        }

        @Test(arguments: ["application/json", "text/plain"])
        func aListMayHave100000Users(type: String) async throws {
            let coupon = try await api.coupon("HUGE", amount: 5)
            func body(_ numbers: Range<Int>) -> String {
                let ids = numbers.map { "user-\($0)" }
                return type == "text/plain"
                    ? ids.joined(separator: "\n") : "[" + ids.map { "\"\($0)\"" }.joined(separator: ",") + "]"
            }
            #expect(try await list("PUT", coupon, body(0..<100_000), type: type).eligibleUsers == 100_000)
            #expect(try await list("PUT", coupon, body(50_000..<150_000), type: type).eligibleUsers == 100_000)
            #expect(try await explain(coupon, "user-49999").reasons == ["not_eligible"])
            let claims = try await api.outcomes([
                API.Order(user: "user-149999", coupon: coupon), API.Order(user: "user-0", coupon: coupon),
            ])
            #expect(claims.map(\.outcome) == ["claimed", "rejected not_eligible"])
            let more = try await api.send(
                "POST", "/coupons/\(coupon)/eligible-users", headers: [("Content-Type", type)], body: body(0..<100_001))
            #expect(more.status == 422 && more.code == "invalid_body", "\(more.status)")
            #expect(try await list("DELETE", coupon, body(50_000..<149_999), type: type).eligibleUsers == 1)
        }

        @Test func anInvalidListIsRefused() async throws {
            let coupon = try await api.coupon("NO_LIST", amount: 1)
            let path = "/coupons/\(coupon)/eligible-users"
            for method in ["PUT", "POST", "DELETE"] {
                let untyped = try await api.send(method, path)
                #expect(untyped.status == 415 && untyped.code == "unsupported_media_type", "\(untyped)")
                for (body, type) in [
                    ("{}", "application/json"), (#"["a",""]"#, "application/json"), ("a\tb", "text/plain"),
                    (#"["a",]"#, "application/json"), ("\u{FEFF}[]", "application/json"),
                ] {
                    let answer = try await api.send(method, path, headers: [("Content-Type", type)], body: body)
                    #expect(answer.status == 422 && answer.code == "invalid_body", "\(answer)")
                }
                let unknown = try await api.send(
                    method, "/coupons/NO_SUCH/eligible-users", headers: [("Content-Type", "text/plain")], body: "u1")
                #expect(unknown.status == 404 && unknown.code == "coupon_not_found", "\(unknown)")
            }
            // A client that still sends the whole body reads the answer and no reset.
            let connection = try RawConnection(port: api.port)
            let length = 16 * 1024 * 1024 + 1
            connection.send(
                "PUT \(path) HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: \(length)\r\n\r\n"
                    + String(repeating: "\n", count: length))
            let large = try connection.readToEnd()
            #expect(large.hasPrefix("HTTP/1.1 413") && large.contains("body_too_large"), "\(large)")
            #expect(try await explain(coupon, "u1").eligible, "nothing was changed")
        }

        @Test func theCommandLineChangesRulesAndExplainsEligibility() async throws {
            let coupon = try await api.coupon("CTL_RULES", amount: 5)
            let set = try await claimctl(
                "coupon", "set", coupon, "--amount", "7", "--ends-at", "2020-01-01T00:00:00Z", "--json")
            #expect(set.code == 0 && set.output.contains(#""amount":7"#), "\(set)")
            let file = "\(Setup.runFolder)/logs/test-users-\(coupon)"
            defer { try? FileManager.default.removeItem(atPath: file) }
            try Data("u1\nu2\n".utf8).write(to: URL(fileURLWithPath: file))
            let listed = try await claimctl("coupon", "eligible", coupon, "--only", file, "--json")
            #expect(listed.code == 0 && listed.output.contains(#""eligible_users":2"#), "\(listed)")
            let check = try await claimctl("coupon", "check", coupon, "u3", "--json")
            #expect(check.output == #"{"eligible":false,"reasons":["expired","not_eligible"]}"# + "\n", "\(check)")
            #expect(try await claimctl("coupon", "set", coupon, "--ends-at", "none").code == 0)
            #expect(try await claimctl("coupon", "eligible", coupon, "--everybody").code == 0)
            #expect(try await explain(coupon, "u3").eligible)
            _ = try await api.outcomes([API.Order(user: "u1", coupon: coupon)])
            #expect(try await claimctl("coupon", "set", coupon, "--amount", "0").code == 1)
            for arguments in [
                ["set", coupon], ["eligible", coupon], ["set", coupon, "--amount", "-1"], ["check", coupon, ""],
            ] {
                #expect(try await Program.run("claimctl", ["coupon"] + arguments).code == 64, "\(arguments)")
            }
            for arguments in [
                ["set", "NO_SUCH", "--amount", "1"], ["eligible", "NO_SUCH", "--everybody"], ["check", "NO_SUCH", "u"],
            ] {
                #expect(try await Program.run("claimctl", ["coupon"] + arguments).code == 2, "\(arguments)")
            }
        }

        // MARK: Helpers

        private func explain(_ coupon: String, _ user: String) async throws -> Explanation {
            let answer = try await api.get("/coupons/\(coupon)/eligibility?user_id=\(user)")
            try #require(answer.status == 200, "\(answer)")
            return try answer.decoded(Explanation.self)
        }

        private func eligible(_ coupon: String) async throws -> [String] {
            var users: [String] = []
            for user in ["u1", "u2", "u3", "u4"] where try await explain(coupon, user).eligible { users.append(user) }
            return users
        }

        private func patch(_ coupon: String, _ body: String) async throws -> Answer {
            try await api.send(
                "PATCH", "/coupons/\(coupon)", headers: [("Content-Type", "application/json")], body: body)
        }

        private func list(
            _ method: String, _ coupon: String, _ body: String, type: String = "application/json"
        ) async throws -> List {
            let answer = try await api.send(
                method, "/coupons/\(coupon)/eligible-users", headers: [("Content-Type", type)], body: body,
                within: .seconds(60))
            try #require(answer.status == 200, "\(answer)")
            return try answer.decoded(List.self)
        }
    }
}
