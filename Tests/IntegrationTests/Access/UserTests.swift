import Foundation
import NIOCore
import Testing

extension IntegrationTests {
    /// Users with JWTs have access to their own data only.
    @Suite(.system(workers: 1), .checked)
    struct Users {
        let system = System.current
        private let issuer = Issuer("k1")

        private func startAPI(_ more: [String: String] = [:]) async throws -> (API, Scratch) {
            let scratch = try Scratch()
            let file = try scratch.write("jwks.json", try issuer.keySet())
            let api = try await system.startAPI(
                "api-2", port: Setup.httpPort + 1, Issuer.settings(file).merging(more) { $1 })
            return (api, scratch)
        }

        private func claim(_ api: API, _ body: String, key: String = UUID().uuidString) async throws -> Answer {
            let answer = try await api.send(
                "POST", "/claims", headers: [("Content-Type", "application/json"), ("Idempotency-Key", key)], body: body
            )
            if answer.status == 202 { api.ledger.add(try answer.decoded(Claim.self).id) }
            return answer
        }

        @Test func aUserClaimsSeesFollowsAndCancelsOnlyTheirOwnClaims() async throws {
            let (api, scratch) = try await startAPI()
            defer { withExtendedLifetime(scratch) {} }
            let coupon = try await system.api.coupon("OWN", amount: 5)
            let ann = api.with(token: try issuer.token("ann", key: "k1"))
            let bob = api.with(token: try issuer.token("bob", key: "k1"))

            let accepted = try await claim(ann, #"{"coupon_name":"\#(coupon)"}"#)
            #expect(accepted.status == 202, "\(accepted)")
            let own = try accepted.decoded(Claim.self)
            #expect(own.userId == "ann")
            #expect(try await ann.claim(own.id, wait: 10).outcome == "claimed")

            let unknown = try await bob.get("/claims/\(String(repeating: "0", count: 40))")
            #expect(unknown.status == 404 && unknown.code == "claim_not_found")
            for (method, path) in [
                ("GET", ""), ("GET", "?wait=20"), ("GET", "/events"), ("POST", "/cancel"), ("POST", "/ticket"),
            ] {
                let answer = try await bob.send(method, "/claims/\(own.id)\(path)")
                #expect(answer.status == 404 && answer.text == unknown.text, "\(method) \(path): \(answer)")
            }
            #expect(try await ann.claim(own.id).outcome == "claimed", "not cancelled by another user")
            let events = try await ann.get("/claims/\(own.id)/events")
            #expect(events.status == 200 && events.text.contains("claimed"))

            let cancelled = try await ann.send("POST", "/claims/\(own.id)/cancel")
            #expect(cancelled.status == 202)
            try await eventually("the claim to be cancelled") { try await ann.claim(own.id).status == "cancelled" }
        }

        @Test func anotherUsersPendingClaimIsNotWaitedFor() async throws {
            let (api, scratch) = try await startAPI()
            defer { withExtendedLifetime(scratch) {} }
            let coupon = try await system.api.coupon("OWN_PENDING", amount: 5)
            let worker = try system.program("worker-1")
            worker.freeze()
            let ann = api.with(token: try issuer.token("ann", key: "k1"))
            let bob = api.with(token: try issuer.token("bob", key: "k1"))
            let own = try await claim(ann, #"{"coupon_name":"\#(coupon)"}"#).decoded(Claim.self)
            let answer = try await bob.send("GET", "/claims/\(own.id)?wait=30", within: .seconds(10))
            #expect(answer.status == 404)
            #expect(try await ann.get("/claims/\(own.id)").status == 200)
            // A claim that was accepted is never 404 for its user, also when Redis has lost all that it knew.
            try Cache.send("FLUSHALL")
            #expect(try await ann.claim(own.id).status == "pending")
            worker.thaw()
            #expect(try await ann.claim(own.id, wait: 30).outcome == "claimed")
            #expect(try await bob.get("/claims/\(own.id)").status == 404)
        }

        @Test func theUserOfTheTokenIsTheUserOfTheClaim() async throws {
            let (api, scratch) = try await startAPI()
            defer { withExtendedLifetime(scratch) {} }
            let coupon = try await system.api.coupon("OWN_ID", amount: 5)
            let ann = api.with(token: try issuer.token("ann", key: "k1"))
            let other = try await claim(ann, #"{"user_id":"bob","coupon_name":"\#(coupon)"}"#)
            #expect(other.status == 403 && other.code == "forbidden_user")
            let key = UUID().uuidString
            let first = try await claim(ann, #"{"user_id":"ann","coupon_name":"\#(coupon)"}"#, key: key)
            let second = try await claim(ann, #"{"coupon_name":"\#(coupon)"}"#, key: key)
            #expect(first.status == 202 && second.header("Idempotency-Replayed") == "true")
            #expect(try first.decoded(Claim.self).id == second.decoded(Claim.self).id)
        }

        @Test func aUserAsksForACouponAndTheirOwnEligibilityAndNothingElse() async throws {
            let (api, scratch) = try await startAPI()
            defer { withExtendedLifetime(scratch) {} }
            let coupon = try await system.api.coupon("OWN_COUPON", amount: 5)
            _ = try await system.api.outcomes([API.Order(user: "cem", coupon: coupon)])
            let ann = api.with(token: try issuer.token("ann", key: "k1"))
            let shown = try await ann.get("/coupons/\(coupon)")
            #expect(shown.status == 200 && !shown.text.contains("claimed_by") && !shown.text.contains("cem"))
            #expect(try await ann.get("/coupons/\(coupon)/eligibility").text.contains(#""eligible":true"#))
            #expect(try await ann.get("/coupons/\(coupon)/eligibility?user_id=cem").code == "forbidden_user")
            for path in ["/coupons", "/coupons/\(coupon)/claims", "/metrics"] {
                let answer = try await ann.get(path)
                #expect(answer.status == 403 && answer.code == "forbidden", "\(path): \(answer)")
            }
            let made = try await ann.post("/coupons", json: #"{"name":"MINE","amount":1}"#)
            #expect(made.status == 403 && made.code == "forbidden")
        }

        @Test func aTicketFollowsAClaimWithoutAToken() async throws {
            let (api, scratch) = try await startAPI()
            defer { withExtendedLifetime(scratch) {} }
            let coupon = try await system.api.coupon("OWN_TICKET", amount: 5)
            let ann = api.with(token: try issuer.token("ann", key: "k1"))
            let own = try await claim(ann, #"{"coupon_name":"\#(coupon)"}"#).decoded(Claim.self)
            let made = try await ann.send("POST", "/claims/\(own.id)/ticket")
            #expect(made.status == 201 && made.header("Cache-Control") == "no-store")
            struct Ticket: Decodable { let ticket, expiresAt: String }
            let ticket = try made.decoded(Ticket.self).ticket
            let events = try await api.get("/claims/\(own.id)/events?ticket=\(ticket)")
            #expect(events.status == 200 && events.text.contains("event: claim"))
            #expect(try await api.get("/claims/\(own.id)/events").status == 401)
            #expect(try await api.get("/claims/\(own.id)?ticket=\(ticket)").status == 401)
        }

        @Test func keysRotateWhileRequestsRun() async throws {
            var issuer = issuer
            let server = try await KeyServer(port: Setup.httpPort + 5, issuer)
            let api = try await system.startAPI("api-2", port: Setup.httpPort + 1, Issuer.settings(server.url))
            let coupon = try await system.api.coupon("OWN_ROTATION", amount: 5)
            let old = try issuer.token("ann", key: "k1")
            #expect(try await api.with(token: old).get("/coupons/\(coupon)").status == 200)

            issuer.addKey("k2")
            try server.publish(issuer)
            // The first token of the new key makes the API load the keys; all tokens that arrive during the load wait for it.
            let tokens = try (0..<40).map { try issuer.token("user-\($0)", key: $0.isMultiple(of: 2) ? "k1" : "k2") }
            let before = server.requests
            let statuses = try await concurrently(tokens) { token in
                try await api.with(token: token).get("/coupons/\(coupon)").status
            }
            #expect(statuses.allSatisfy { $0 == 200 }, "\(statuses)")
            #expect(server.requests == before + 1)

            // Unknown keys cause one load in ten seconds at most.
            var stranger = Issuer("k1")
            stranger.addKey("k9")
            let forged = try (0..<50).map { _ in try stranger.token("ann", key: "k9") }
            let refused = try await concurrently(forged) {
                try await api.with(token: $0).get("/coupons/\(coupon)").status
            }
            #expect(refused.allSatisfy { $0 == 401 })
            #expect(server.requests <= before + 2)

            // The server is slow, then down: the last keys stay in use.
            server.freeze()
            #expect(
                try await api.with(token: try issuer.token("eve", key: "k2")).get("/coupons/\(coupon)").status == 200)
            server.stop()
            #expect(
                try await api.with(token: try issuer.token("dan", key: "k1")).get("/coupons/\(coupon)").status == 200)
            #expect(try await api.with(token: forged[0]).get("/coupons/\(coupon)").status == 401)
        }

        @Test func aWithdrawnKeyIsRefusedWithoutARestart() async throws {
            var issuer = Issuer("k1", "k2")
            let scratch = try Scratch()
            let file = try scratch.write("jwks.json", try issuer.keySet())
            let api = try await system.startAPI("api-2", port: Setup.httpPort + 1, Issuer.settings(file))
            let token = try issuer.token("ann", key: "k1")
            #expect(try await api.with(token: token).get("/coupons/NONE").status == 404)
            issuer.removeKey("k1")
            _ = try scratch.write("jwks.json", try issuer.keySet())
            try await eventually("the token to be refused", within: .seconds(5)) {
                try await api.with(token: token).get("/coupons/NONE").status == 401
            }
            // A broken file changes nothing.
            _ = try scratch.write("jwks.json", Data("<html>".utf8))
            let other = try issuer.token("bob", key: "k2")
            #expect(try await api.with(token: other).get("/coupons/NONE").status == 404)
        }
    }
}
