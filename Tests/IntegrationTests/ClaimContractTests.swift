import Claims
import Foundation
import Testing

extension IntegrationTests {
    /// `POST /claims` and `GET /claims/{id}` follow the contract.
    @Suite(.system(workers: 1), .checked)
    struct ClaimContract {
        let system = System.current
        var api: API { system.api }

        @Test func aClaimIsAcceptedWithItsFieldsAndHeaders() async throws {
            let coupon = try await api.coupon("ACCEPT", amount: 1)
            let answer = try await api.post(API.Order(user: "u1", coupon: coupon.lowercased()))
            #expect(answer.status == 202)
            #expect(try answer.fields() == ["id", "status", "user_id", "coupon_name", "created_at"])
            let claim = try answer.decoded(Claim.self)
            #expect(claim.status == "pending" && claim.userId == "u1")
            #expect(claim.couponName == coupon, "the name is normalised")
            #expect(answer.header("Location") == "/claims/\(claim.id)")
            #expect(answer.header("Retry-After") == "1")
            #expect(answer.header("Content-Type") == "application/json")
            #expect(answer.header("Idempotency-Replayed") == nil)
            #expect(try #require(claim.createdAt).wholeMatch(of: rfc3339) != nil)
        }

        @Test func aDecidedClaimHasAllFieldsAndTheTimeOfDecision() async throws {
            let coupon = try await api.coupon("FIELDS", amount: 1)
            let id = try await api.submit("u1", coupon).id
            let answer = try await api.get("/claims/\(id)?wait=10")
            #expect(
                try answer.fields() == [
                    "id", "status", "reason", "user_id", "coupon_name", "attempts", "created_at", "decided_at",
                    "position", "estimated_seconds",
                ])
            let claim = try answer.decoded(Claim.self)
            #expect(claim.outcome == "claimed" && claim.attempts == 1)
            #expect(claim.position == nil && claim.estimatedSeconds == nil)
            #expect(try #require(claim.decidedAt).wholeMatch(of: rfc3339) != nil)
            #expect(answer.header("Retry-After") == nil, "the status is final")
        }

        @Test func aPendingClaimHasRetryAfter() async throws {
            let coupon = try await api.coupon("PENDING", amount: 1)
            let worker = try system.program("worker-1")
            worker.freeze()
            let id = try await api.submit("u1", coupon).id
            let answer = try await api.get("/claims/\(id)")
            #expect(answer.header("Retry-After") != nil)
            let claim = try answer.decoded(Claim.self)
            #expect(claim.outcome == "pending" && claim.attempts == 0 && claim.decidedAt == nil)
            #expect(claim.userId == "u1" && claim.couponName == coupon)
            let start = ContinuousClock.now
            #expect(try await api.get("/claims/\(id)?wait=1").status == 200)
            #expect(ContinuousClock.now - start > .milliseconds(900), "the request is held while nothing changes")
            worker.thaw()
            #expect(try await api.claim(id, wait: 20).status == "claimed")
        }

        @Test func theSameKeyAndBodyAgainIsTheSameClaim() async throws {
            let coupon = try await api.coupon("REPLAY", amount: 5)
            let key = "key-\(coupon)"
            let first = try await api.submit("u1", coupon, key: key)
            _ = try await api.claim(first.id, wait: 10)
            for (header, name) in [(key, coupon), ("\"\(key)\"", coupon), (key, "  \(coupon.lowercased())!")] {
                let again = try await api.post(API.Order(user: "u1", coupon: name, key: header))
                #expect(again.status == 202)
                #expect(again.header("Idempotency-Replayed") == "true")
                let claim = try again.decoded(Claim.self)
                #expect(claim.id == first.id && claim.status == "claimed" && claim.createdAt == first.createdAt)
            }
            #expect(try await api.coupon(coupon).remainingAmount == 4)
        }

        @Test func theSameKeyWithAnotherBodyIsRefused() async throws {
            let coupon = try await api.coupon("REUSED", amount: 5)
            let other = try await api.coupon("OTHER", amount: 5)
            let first = try await api.submit("u1", coupon, key: coupon)
            let second = try await api.post(API.Order(user: "u1", coupon: other, key: coupon))
            #expect(second.status == 422 && second.code == "idempotency_key_reused")
            #expect(try await api.claim(first.id, wait: 10).couponName == coupon)
            _ = try await api.submit("u2", other, key: coupon)
            let third = try await api.post(API.Order(user: "u1", coupon: other, key: coupon))
            #expect(third.code == "idempotency_key_reused", "also after the first claim was decided")
        }

        @Test func anotherUsersSameKeyIsAnotherKey() async throws {
            let coupon = try await api.coupon("USERS", amount: 5)
            let ids = try await ["u1", "u2"].asyncMap { try await api.submit($0, coupon, key: "the-same").id }
            #expect(Set(ids).count == 2)
        }

        @Test(arguments: [String(repeating: "k", count: 255), "\"with a space\"", "!~#$%&'()*+,-./:;<=>?@[]^_`{|}"])
        func aKeyMayBeAnyPrintableASCII(key: String) async throws {
            let coupon = try await api.coupon("KEYS", amount: 5)
            #expect(try await api.post(API.Order(user: coupon, coupon: coupon, key: key)).status == 202)
        }

        @Test(arguments: [
            "", "a b", "\"\"", "\"open", "\"a\"b", String(repeating: "k", count: 256),
            "\"\(String(repeating: "k", count: 256))\"", "kéy", "a\tb",
        ])
        func aMalformedKeyIsRefused(key: String) async throws {
            let answer = try await api.post(API.Order(user: "u1", coupon: "NONE", key: key))
            #expect(answer.status == 400 && answer.code == "idempotency_key_invalid", "\(answer)")
        }

        @Test func noKeyIsRefused() async throws {
            let answer = try await api.post("/claims", json: #"{"user_id":"u1","coupon_name":"C"}"#)
            #expect(answer.status == 400 && answer.code == "idempotency_key_missing")
        }

        @Test(arguments: [
            ("not json", "body"), ("[]", "body"), ("{}", "user_id"), (#"{"user_id":"u"}"#, "coupon_name"),
            (#"{"user_id":1,"coupon_name":"C"}"#, "user_id"), (#"{"user_id":null,"coupon_name":"C"}"#, "user_id"),
            (#"{"user_id":"","coupon_name":"C"}"#, "user_id"),
            (#"{"user_id":"a\u0007b","coupon_name":"C"}"#, "user_id"),
            (#"{"user_id":"u","coupon_name":""}"#, "coupon_name"),
            (#"{"user_id":"u","coupon_name":"a\nb"}"#, "coupon_name"),
            (#"{"user_id":"\#(String(repeating: "u", count: 129))","coupon_name":"C"}"#, "user_id"),
            (#"{"user_id":"u","coupon_name":"\#(String(repeating: "C", count: 65))"}"#, "coupon_name"),
        ])
        func anInvalidClaimIsRefusedNamingTheField(body: String, field: String) async throws {
            let answer = try await claim(body: body)
            #expect(answer.status == 422 && answer.code == "invalid_body", "\(answer)")
            #expect(answer.problem?.detail.contains(field) == true, "\(answer)")
        }

        @Test func theLongestUserAndCouponNameAreAccepted() async throws {
            let user = String(repeating: "ü", count: 128)
            let coupon = String(repeating: "C", count: 64)
            let answer = try await api.post(API.Order(user: user, coupon: coupon))
            #expect(answer.status == 202, "\(answer)")
        }

        @Test func aBodyThatIsNotDeclaredAsJSONIsRefused() async throws {
            let body = #"{"user_id":"u1","coupon_name":"C"}"#
            for type in ["text/plain", "application/x-www-form-urlencoded", nil] {
                let headers = [("Idempotency-Key", "k")] + (type.map { [("Content-Type", $0)] } ?? [])
                let answer = try await api.send("POST", "/claims", headers: headers, body: body)
                #expect(answer.status == 415 && answer.code == "unsupported_media_type", "\(answer)")
            }
            #expect(try await claim(body: body, type: "application/json; charset=utf-8").status == 202)
        }

        @Test func aBodyOver16KiBIsRefused() async throws {
            let filling = String(repeating: " ", count: 16 * 1024)
            let answer = try await claim(body: #"{"user_id":"u1","coupon_name":"C"\#(filling)}"#)
            #expect(answer.status == 413 && answer.code == "body_too_large", "\(answer)")
        }

        @Test func anIDThatWasNeverIssuedIsNotFound() async throws {
            let real = try await api.submit("u1", try await api.coupon("REAL", amount: 1)).id
            let tampered = String(real.dropLast()) + (real.last == "0" ? "1" : "0")
            for id in ["x", tampered, real.uppercased(), String(repeating: "0", count: 40), "%20", "%2e%2e"] {
                let answer = try await api.get("/claims/\(id)")
                #expect(answer.status == 404 && answer.code == "claim_not_found", "\(id): \(answer)")
            }
        }

        @Test(arguments: ["-1", "30.1", "31", "x", "", "1s", "nan", "inf"])
        func aWaitOutOfRangeIsRefused(wait: String) async throws {
            let id = try await api.submit("u1", "NONE").id
            let answer = try await api.get("/claims/\(id)?wait=\(wait)")
            #expect(answer.status == 400 && answer.code == "invalid_parameter", "\(answer)")
            #expect(answer.problem?.detail.contains("wait") == true)
        }

        @Test func aPreferredWaitIsAppliedAndConfirmed() async throws {
            let id = try await api.submit("u1", "NONE").id
            let answer = try await api.get("/claims/\(id)", ("Prefer", "respond-async, wait=10"))
            #expect(answer.header("Preference-Applied") == "wait=10")
            #expect(try answer.decoded(Claim.self).outcome == "rejected coupon_not_found")
            let plain = try await api.get("/claims/\(id)?wait=1")
            #expect(plain.header("Preference-Applied") == nil)
        }

        @Test func everyRuleOfACouponGivesItsReason() async throws {
            let sale = try await api.coupon("SALE", amount: 1)
            let coming = try await api.coupon("COMING", amount: 1, rules: #","starts_at":"2999-01-01T00:00:00Z""#)
            let over = try await api.coupon("OVER", amount: 1, rules: #","ends_at":"2001-01-01T00:00:00Z""#)
            let listed = try await api.coupon("LISTED", amount: 5, rules: #","eligible_users":["vip"]"#)
            let twice = try await api.coupon("TWICE", amount: 9, rules: #","per_user_limit":2"#)
            let expected = [
                ("u1", sale, "claimed"), ("u1", sale, "rejected already_claimed"), ("u2", sale, "rejected sold_out"),
                ("u1", coming, "rejected not_started"), ("u1", over, "rejected expired"),
                ("u1", listed, "rejected not_eligible"), ("vip", listed, "claimed"), ("u1", twice, "claimed"),
                ("u1", twice, "claimed"), ("u1", twice, "rejected already_claimed"),
                ("u1", "NO_SUCH_COUPON", "rejected coupon_not_found"),
            ]
            for (user, coupon, outcome) in expected {
                let id = try await api.submit(user, coupon).id
                #expect(try await api.claim(id, wait: 10).outcome == outcome, "\(user) \(coupon)")
            }
        }

        private func claim(body: String, type: String = "application/json") async throws -> Answer {
            try await api.send(
                "POST", "/claims", headers: [("Content-Type", type), ("Idempotency-Key", UUID().uuidString)], body: body
            )
        }
    }
}

/// Matches a time of RFC 3339 in UTC.
private var rfc3339: Regex<Substring> { /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/ }

extension Sequence {
    /// Transforms the elements one after another.
    func asyncMap<Value>(_ transform: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}
