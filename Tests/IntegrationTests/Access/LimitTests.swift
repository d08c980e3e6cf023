import Foundation
import Testing

extension IntegrationTests {
    /// Rate limits, the limit of pending claims, and cross-origin requests.
    @Suite(.system(workers: 1), .checked)
    struct Limits {
        let system = System.current

        private func startAPI(_ settings: [String: String], _ name: String = "api-2", _ offset: Int = 1) async throws
            -> API
        {
            try await system.startAPI(name, port: Setup.httpPort + offset, settings)
        }

        @Test func aUserIsLimitedOnEveryProcessAndAReplayCostsNothing() async throws {
            let limit = ["CLAIMS_RATE_USER": "5/600"]
            let apis = [try await startAPI(limit), try await startAPI(limit, "api-3", 2)]
            let coupon = try await system.api.coupon("RATE", amount: 100)
            let user = "rate-\(UUID().uuidString)"
            let orders = (0..<5).map { _ in API.Order(user: user, coupon: coupon) }
            for (number, order) in orders.enumerated() {
                let answer = try await apis[number % 2].post(order)
                #expect(answer.status == 202, "\(answer)")
                #expect(answer.header("RateLimit-Policy") == #""user";q=5;w=600"#)
                #expect(answer.header("RateLimit")?.hasPrefix(#""user";r=\#(4 - number);t="#) == true)
                // Sent again, it costs nothing.
                let replay = try await apis[0].post(order)
                #expect(replay.status == 202 && replay.header("Idempotency-Replayed") == "true")
                #expect(replay.header("RateLimit")?.hasPrefix(#""user";r=\#(4 - number);t="#) == true)
            }
            let order = API.Order(user: user, coupon: coupon)
            for api in apis {
                let refused = try await api.post(order)
                #expect(refused.status == 429 && refused.code == "rate_limited", "\(refused)")
                #expect((100...120).contains(Int(refused.header("Retry-After") ?? "") ?? 0))
                #expect(refused.header("RateLimit")?.contains("r=0") == true)
            }
            #expect(try await apis[1].post(orders[0]).status == 202, "a replay, although nothing is left")
            #expect(try await apis[1].post(API.Order(user: "other-\(user)", coupon: coupon)).status == 202)
            // What was refused was not noted: it is a new request for an API without limits.
            let later = try await system.api.post(order)
            #expect(later.status == 202 && later.header("Idempotency-Replayed") == nil)
        }

        @Test func keysAndAddressesHaveTheirOwnLimits() async throws {
            let api = try await startAPI([
                "CLAIMS_AUTH": "required", "CLAIMS_RATE_KEY": "3/600", "CLAIMS_RATE_ADDRESS": "1000/600",
            ])
            let keys = [try await Keys.create("coupons:read"), try await Keys.create("coupons:read")]
            try await eventually("the keys to be known", within: .seconds(2)) {
                try await api.with(token: keys[1].key).get("/metrics").status == 403
            }
            let service = api.with(token: keys[0].key)
            for _ in 0..<3 { #expect(try await service.get("/coupons?limit=1").status == 200) }
            let refused = try await service.get("/coupons?limit=1")
            #expect(refused.status == 429 && refused.code == "rate_limited")
            #expect(refused.header("RateLimit-Policy") == #""address";q=1000;w=600, "key";q=3;w=600"#)
            #expect(try await api.with(token: keys[1].key).get("/coupons?limit=1").status == 200)
            #expect(try await api.get("/healthz").status == 200)
        }

        @Test func aProcessLimitsByItselfWhileRedisIsAway() async throws {
            let api = try await startAPI(["CLAIMS_RATE_USER": "3/600"])
            let coupon = try await system.api.coupon("RATE_AWAY", amount: 100)
            try await Server.redis.stop()
            let user = "away-\(UUID().uuidString)"
            var statuses: [Int] = []
            for _ in 0..<5 { statuses.append(try await api.post(API.Order(user: user, coupon: coupon)).status) }
            try await Server.redis.start()
            #expect(statuses == [202, 202, 202, 429, 429])
            try await system.recover()
        }

        @Test func aUserHasALimitedNumberOfPendingClaimsForACoupon() async throws {
            let api = try await startAPI(["CLAIMS_PENDING_PER_USER": "3"])
            let (coupon, other) = (
                try await system.api.coupon("CAP", amount: 100), try await system.api.coupon("CAP_OTHER", amount: 100)
            )
            let worker = try system.program("worker-1")
            worker.freeze()
            let user = "bot-\(UUID().uuidString)"
            let orders = (0..<3).map { _ in API.Order(user: user, coupon: coupon) }
            for order in orders { #expect(try await api.post(order).status == 202) }
            let order = API.Order(user: user, coupon: coupon)
            let refused = try await api.post(order)
            #expect(refused.status == 429 && refused.code == "too_many_pending", "\(refused)")
            #expect(refused.header("Retry-After") != nil)
            #expect(try await api.post(orders[1]).status == 202, "a replay")
            #expect(try await api.post(API.Order(user: user, coupon: other)).status == 202)
            #expect(try await api.post(API.Order(user: "x\(user)", coupon: coupon)).status == 202)
            worker.thaw()
            try await eventually("the same request to be accepted once the others are decided") {
                try await api.post(order).status == 202
            }
        }

        @Test func scriptsOfListedOriginsMayUseTheAPI() async throws {
            let api = try await startAPI([
                "CLAIMS_CORS_ORIGINS": "https://shop.example,http://localhost:3000", "CLAIMS_AUTH": "required",
            ])
            func preflight(_ origin: String) async throws -> Answer {
                try await api.send(
                    "OPTIONS", "/claims",
                    headers: [
                        ("Origin", origin), ("Access-Control-Request-Method", "POST"),
                        ("Access-Control-Request-Headers", "authorization,idempotency-key,content-type"),
                    ])
            }
            let allowed = try await preflight("https://shop.example")
            #expect(allowed.status == 204)
            #expect(allowed.header("Access-Control-Allow-Origin") == "https://shop.example")
            #expect(allowed.header("Access-Control-Allow-Methods")?.contains("POST") == true)
            let fields = allowed.header("Access-Control-Allow-Headers")?.lowercased() ?? ""
            #expect(["authorization", "idempotency-key", "content-type"].allSatisfy(fields.contains))
            let other = try await preflight("https://evil.example")
            #expect(other.status == 405 && other.header("Access-Control-Allow-Origin") == nil)
            let answer = try await api.get("/coupons", ("Origin", "http://localhost:3000"))
            #expect(answer.status == 401)
            #expect(answer.header("Access-Control-Allow-Origin") == "http://localhost:3000")
            #expect(answer.header("Vary")?.contains("Origin") == true)
            #expect(answer.header("Access-Control-Expose-Headers")?.contains("RateLimit") == true)
            #expect(answer.header("Access-Control-Allow-Credentials") == nil)
        }
    }
}
