import Foundation
import Testing

extension IntegrationTests {
    /// The audit trail, the rotation of the secret of claim ids, and that no secret is shown.
    @Suite(.system(workers: 1), .checked)
    struct AuditTrail {
        let system = System.current

        private struct Action: Decodable {
            let at, `operator`, action, outcome: String
            let subject, detail: String?
        }

        private func log(_ arguments: String...) async throws -> [Action] {
            let result = try await Program.run("claimctl", ["log", "--json"] + arguments)
            try #require(result.code == 0, "\(result)")
            return try result.output.split(separator: "\n").map { try decode(Action.self, from: Data($0.utf8)) }
        }

        @Test func changesAreRecordedWithWhoDidThem() async throws {
            let key = try await Keys.create("coupons:write")
            let api = try await system.startAPI("api-2", port: Setup.httpPort + 1, ["CLAIMS_AUTH": "required"])
            let service = api.with(token: key.key)
            let name = "TRAIL_\(UUID().uuidString.prefix(8))"
            try await eventually("the key to be known", within: .seconds(2)) {
                try await service.get("/metrics").status == 403
            }
            let json = [("Content-Type", "application/json")]
            #expect(try await service.post("/coupons", json: #"{"name":"\#(name)","amount":5}"#).status == 201)
            #expect(try await service.post("/coupons", json: #"{"name":"\#(name)","amount":5}"#).status == 409)
            #expect(
                try await service.send("PATCH", "/coupons/\(name)", headers: json, body: #"{"amount":7}"#).status == 200
            )
            #expect(
                try await service.send("PUT", "/coupons/\(name)/eligible-users", headers: json, body: #"["a","b"]"#)
                    .status == 200)
            let byHand = try await claimctl("coupon", "set", name, "--per-user-limit", "2")
            #expect(byHand.code == 0, "\(byHand)")
            try await Keys.revoke(key.id)

            let normal = name.replacing("-", with: "_").uppercased()
            let all = try await log("--since", "1h")
            let coupon = all.filter { $0.subject == normal }
            #expect(
                coupon.map(\.action) == [
                    "coupon.create", "coupon.change", "coupon.eligible_users", "coupon.change",
                ])
            #expect(coupon.prefix(3).allSatisfy { $0.operator.contains(key.id) && $0.operator.contains("tests") })
            #expect(!coupon[3].operator.contains("key"))
            #expect(coupon.map(\.detail) == ["amount=5", "amount=7", "replace 2 user ids", "per_user_limit=2"])
            #expect(coupon.allSatisfy { $0.outcome == "done" && $0.at.hasSuffix("Z") })
            #expect(all.filter { $0.subject == key.id }.map(\.action) == ["key.create", "key.revoke"])
            #expect(try await log("--since", "2999-01-01T00:00:00Z").isEmpty)
            #expect(try await log("--limit", "1").count == 1)
            #expect(try await claimctl("log", "--since", "soon").code == 64)
            #expect(try await claimctl("log").output.contains("key.revoke"))
        }

        @Test func aCancelOfAServiceIsRecordedOnce() async throws {
            let key = try await Keys.create("claims:write", "claims:read")
            let api = try await system.startAPI("api-2", port: Setup.httpPort + 1, ["CLAIMS_AUTH": "required"])
            let service = api.with(token: key.key)
            let coupon = try await system.api.coupon("TRAIL_CANCEL", amount: 5)
            let claim = try await system.api.submit("ann", coupon)
            #expect(try await system.api.claim(claim.id, wait: 10).status == "claimed")
            try await eventually("the key to be known", within: .seconds(2)) {
                try await service.get("/claims/\(claim.id)").status == 200
            }
            #expect(try await service.post("/claims/\(claim.id)/cancel", json: "").status == 202)
            try await eventually("the claim to be cancelled") {
                try await system.api.claim(claim.id).status == "cancelled"
            }
            #expect(try await service.post("/claims/\(claim.id)/cancel", json: "").status == 202)
            let recorded = try await log("--since", "1h").filter { $0.subject == claim.id }
            #expect(recorded.map(\.action) == ["claim.cancel"])
            #expect(recorded.map(\.detail) == [coupon] && recorded[0].operator.contains(key.id))
            try await Keys.revoke(key.id)
        }

        @Test func changesOfDeadLettersAreRecordedAlsoIfTheyFail() async throws {
            try await DLQ.clear()
            let coupon = try await system.api.coupon("TRAIL_DLQ", amount: 5)
            let ids = try DLQ.put([10, 20], of: coupon)
            _ = try await DLQ.replay(ids[0])
            let discarded = try await claimctl("dlq", "discard", ids[1], "--note", "a test")
            #expect(discarded.code == 0, "\(discarded)")
            let restored = try await claimctl("dlq", "restore", ids[1])
            #expect(restored.code == 0, "\(restored)")
            let missing = try await claimctl("dlq", "restore", "nothing")
            #expect(missing.code == 2)
            let actions = try await log("--since", "1h").suffix(4)
            #expect(actions.map(\.action) == ["dlq.replay", "dlq.discard", "dlq.restore", "dlq.restore"])
            #expect(actions.map(\.subject) == [ids[0], ids[1], ids[1], "nothing"])
            #expect(actions.dropLast().allSatisfy { $0.outcome == "done" })
            #expect(actions.last?.outcome.hasPrefix("failed: ") == true)
            try await DLQ.clear()
        }

        @Test func aRequestKeepsItsClaimWhenTheSecretIsRotated() async throws {
            let secret = try #require(ProcessInfo.processInfo.environment["CLAIMS_ID_SECRET"])
            let api = try await system.startAPI(
                "api-2", port: Setup.httpPort + 1,
                ["CLAIMS_ID_SECRET": "\(String(repeating: "n", count: 32)),\(secret)"])
            let coupon = try await system.api.coupon("SECRETS", amount: 5)
            let order = API.Order(user: "u1", coupon: coupon)
            let before = try await system.api.submit(order.user, coupon, key: order.key)
            let replay = try await api.post(order)
            #expect(replay.status == 202 && replay.header("Idempotency-Replayed") == "true", "\(replay)")
            #expect(try replay.decoded(Claim.self).id == before.id)
            #expect(try await api.claim(before.id, wait: 10).outcome == "claimed")
            let reused = try await api.post(API.Order(user: "u1", coupon: "OTHER", key: order.key))
            #expect(reused.code == "idempotency_key_reused")
            // An id of the new secret means nothing to a process that has only the old one.
            let other = try await api.post(API.Order(user: "u2", coupon: coupon))
            let id = try other.decoded(Claim.self).id
            #expect(try await system.api.get("/claims/\(id)").status == 404)
            #expect(try await api.claim(id, wait: 10).outcome == "claimed")
            system.ledger.remove(id)
        }

        @Test func noSecretIsShownInLogsArgumentsOrErrors() async throws {
            let scratch = try Scratch()
            let environment = ProcessInfo.processInfo.environment
            let database = try #require(environment["DATABASE_URL"])
            let file = try scratch.write("database-url", Data("\(database)\n".utf8))
            let issuer = Issuer("k1")
            let keys = try scratch.write("jwks.json", try issuer.keySet())
            let key = try await Keys.create("coupons:read")
            let settings = Issuer.settings(keys).merging([
                "DATABASE_URL": "", "DATABASE_URL_FILE": file, "CLAIMS_LOG_LEVEL": "trace",
            ]) { $1 }
            let api = try await system.startAPI("api-2", port: Setup.httpPort + 1, settings)
            let token = try issuer.token("ann", key: "k1")
            for secret in [key.key, token, "\(key.key)x", "\(token)x"] {
                _ = try await api.with(token: secret).get("/coupons")
            }
            let worker = try await system.startWorker("worker-2", settings)
            let commands = try String(contentsOfFile: "/proc/\(worker.pid)/cmdline", encoding: .utf8)
            #expect(!commands.contains("postgres"))

            var secrets = [String(key.key.suffix(64)), token.split(separator: ".").last.map(String.init) ?? token]
            secrets.append(try #require(environment["CLAIMS_ID_SECRET"]))
            for name in ["DATABASE_URL", "REDIS_URL", "AMQP_URL"] {
                let url = try #require(environment[name])
                secrets.append(try #require(URLComponents(string: url)?.password))
            }
            var searched = 0
            for entry in try FileManager.default.contentsOfDirectory(atPath: "\(Setup.runFolder)/logs") {
                let path = "\(Setup.runFolder)/logs/\(entry)"
                guard let text = try? String(decoding: Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
                else {
                    continue
                }
                searched += 1
                for secret in secrets { #expect(!text.contains(secret), "a secret is in \(entry)") }
            }
            #expect(searched > 3)
            for entry in try FileManager.default.contentsOfDirectory(atPath: "/proc") where Int(entry) != nil {
                guard let data = FileManager.default.contents(atPath: "/proc/\(entry)/cmdline") else { continue }
                let arguments = String(decoding: data, as: UTF8.self)
                for secret in secrets { #expect(!arguments.contains(secret), "a secret is an argument of \(entry)") }
            }
        }
    }
}
