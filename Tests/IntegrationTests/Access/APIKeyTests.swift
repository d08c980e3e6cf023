import Foundation
import Testing

extension IntegrationTests {
    /// API keys, from `claimctl key` to several API processes.
    @Suite(.system(workers: 1), .checked)
    struct APIKeys {
        let system = System.current

        private func startAPI(_ name: String, _ offset: Int, _ more: [String: String] = [:]) async throws -> API {
            try await system.startAPI(
                name, port: Setup.httpPort + offset, ["CLAIMS_AUTH": "required"].merging(more) { $1 })
        }

        private func status(_ api: API, _ token: String) async throws -> Int {
            try await api.with(token: token).get("/coupons").status
        }

        @Test func aKeyAllowsWhatItsScopesSay() async throws {
            let api = try await startAPI("api-2", 1)
            let key = try await Keys.create("coupons:read", "claims:write")
            #expect(key.key.wholeMatch(of: /ck_[0-9a-v]{16}_[0-9a-f]{64}/) != nil)
            #expect(key.scopes == ["claims:write", "coupons:read"] && key.expiresAt == nil)
            let service = api.with(token: key.key)
            try await eventually("the key to be known", within: .seconds(2)) {
                try await service.get("/coupons").status == 200
            }
            let coupon = try await system.api.coupon("KEYS", amount: 1)
            let claim = try await service.submit("u1", coupon)
            let refused = try await service.get("/claims/\(claim.id)")
            #expect(refused.status == 403 && refused.code == "forbidden")
            #expect(refused.problem?.detail.contains("claims:read") == true)
            #expect(try await service.get("/metrics").status == 403)
            for path in ["/healthz", "/readyz", "/openapi.json", "/"] {
                #expect(try await api.get(path).status == 200, "\(path)")
            }
            let nobody = try await api.get("/coupons")
            #expect(nobody.status == 401 && nobody.code == "unauthenticated")
            #expect(nobody.header("WWW-Authenticate") == "Bearer")
            let forged = try await api.with(token: "ck_\(key.id)_\(String(repeating: "0", count: 64))").get("/coupons")
            #expect(forged.text == nobody.text && forged.status == 401, "the same answer for every refused token")
        }

        @Test(arguments: [
            ("auto", "notice", "no token is required", 200), ("off", "warning", "CLAIMS_AUTH is off", 200),
            ("required", "info", "tokens are required", 401),
        ])
        func theStartSaysWhoMayUseTheAPI(_ mode: String, _ level: String, _ text: String, _ status: Int) async throws {
            let name = "api-auth-\(mode)"
            let api = try await startAPI(name, 1, ["CLAIMS_AUTH": mode])
            let lines = try String(contentsOfFile: "\(Setup.runFolder)/logs/test-\(name)", encoding: .utf8).split(
                separator: "\n")
            #expect(lines.contains { $0.contains(" \(level) ") && $0.contains(text) }, "\(lines)")
            #expect(try await api.get("/coupons?limit=1").status == status)
            // An open API ignores the header.
            #expect(try await api.with(token: "nonsense").get("/coupons?limit=1").status == status)
        }

        @Test func aRevokedKeyIsRefusedByEveryProcessWithinTwoSeconds() async throws {
            let apis = [try await startAPI("api-2", 1), try await startAPI("api-3", 2)]
            let key = try await Keys.create("coupons:read")
            for api in apis {
                try await eventually("the key to be known", within: .seconds(2)) {
                    try await status(api, key.key) == 200
                }
            }
            try await Keys.revoke(key.id)
            for api in apis {
                try await eventually("the key to be refused", within: .seconds(2)) {
                    try await status(api, key.key) == 401
                }
            }
            // Also by a process that gets no notification, because its session has lost the subscription.
            let other = try await Keys.create("coupons:read")
            try await eventually("the key to be known", within: .seconds(2)) {
                try await status(apis[0], other.key) == 200
            }
            try Database.script(
                "alter table api_keys disable trigger api_keys_changed")
            defer { try? Database.script("alter table api_keys enable trigger api_keys_changed") }
            try Database.script(
                """
                update api_keys set revoked_at = now() where id = '\(other.id)';
                update system_settings set value = value + 1 where name = 'api_keys'
                """)
            try await eventually("the key to be refused", within: .seconds(2)) {
                try await status(apis[0], other.key) == 401
            }
        }

        @Test func oldAndNewKeyLiveSideBySideDuringARotation() async throws {
            let api = try await startAPI("api-2", 1)
            let old = try await Keys.create("coupons:read", expires: "90d")
            let new = try await Keys.rotate(old.id, overlap: "1h")
            #expect(new.id != old.id && new.scopes == old.scopes && new.name == old.name && new.expiresAt != nil)
            for key in [old.key, new.key] {
                try await eventually("both keys to work", within: .seconds(2)) { try await status(api, key) == 200 }
            }
            let newest = try await Keys.rotate(new.id, overlap: "0s")
            try await eventually("the rotated key to be refused", within: .seconds(2)) {
                try await status(api, new.key) == 401
            }
            #expect(try await status(api, newest.key) == 200)
            #expect(try await status(api, old.key) == 200, "its hour is not over")
            let again = try await claimctl("key", "rotate", new.id)
            #expect(again.code == 1 && again.errors.contains("expired"), "\(again)")
        }

        @Test func keysAreListedWithoutTheirSecrets() async throws {
            let key = try await Keys.create("dlq:read")
            try await Keys.revoke(key.id)
            try await Keys.revoke(key.id)
            let list = try await claimctl("key", "list", "--json")
            let line = try #require(list.output.split(separator: "\n").first { $0.contains(key.id) })
            #expect(line.contains(#""status":"revoked""#) && line.contains("dlq:read"))
            #expect(!list.output.contains(key.key.suffix(64)))
            #expect(try await claimctl("key", "list").output.contains(key.id))
            let hashes = try Database.rows("select key_hash from api_keys", columns: 1)
            #expect(!hashes.contains { $0[0] == String(key.key.suffix(64)) })
        }

        @Test(arguments: [
            (["create", "x"], 64), (["create", "x", "--scope", "claims:all"], 64), (["create", ""], 64),
            (["create", "x", "--scope", "claims:read", "--expires", "soon"], 64), (["revoke", "0000000000000000"], 2),
            (["rotate", "0000000000000000"], 2),
        ])
        func wrongUsageHasItsExitCode(_ arguments: [String], _ code: Int) async throws {
            let result = try await Program.run("claimctl", ["key"] + arguments)
            #expect(Int(result.code) == code, "\(result)")
        }

        @Test func keysWorkWhilePostgreSQLIsAway() async throws {
            let api = try await startAPI("api-2", 1)
            let key = try await Keys.create("claims:write", "claims:read")
            let coupon = try await system.api.coupon("KEYS_AWAY", amount: 5)
            let service = api.with(token: key.key)
            try await eventually("the key to be known", within: .seconds(2)) {
                try await service.get("/claims/x").status == 404
            }
            try await Server.postgres.stop()
            let claim = try await service.submit("u1", coupon)
            #expect(claim.status == "pending")
            #expect(try await api.get("/claims/x").status == 401)
            try await Server.postgres.start()
            try await system.recover()
            #expect(try await service.claim(claim.id, wait: 20).outcome == "claimed")
            // A change is noticed again.
            try await Keys.revoke(key.id)
            try await eventually("the key to be refused", within: .seconds(5)) {
                try await service.get("/claims/x").status == 401
            }
        }

        @Test func claimctlSendsItsToken() async throws {
            let api = try await startAPI("api-2", 1)
            let key = try await Keys.create("claims:write", "claims:read")
            let coupon = try await system.api.coupon("KEYS_CLI", amount: 5)
            try await eventually("the key to be known", within: .seconds(2)) {
                try await api.with(token: key.key).get("/claims/x").status == 404
            }
            let url = "http://127.0.0.1:\(api.port)"
            let submit = ["claim", "submit", "--user", "u1", "--coupon", coupon, "--wait", "10", "--json"]
            let without = try await Program.run("claimctl", submit, settings: ["CLAIMS_URL": url])
            #expect(without.code == 1 && without.errors.contains("unauthenticated"), "\(without)")
            let with = try await Program.run(
                "claimctl", submit, settings: ["CLAIMS_URL": url, "CLAIMS_TOKEN": key.key])
            #expect(with.code == 0 && with.output.contains("claimed"), "\(with)")
        }

        @Test func tenThousandWrongKeysReadNoTableAndTakeNoMemory() async throws {
            let api = try await startAPI("api-2", 1, ["CLAIMS_RATE_FAILURES": "off"])
            let program = try system.program("api-2")
            func scans() throws -> Int {
                try Database.number(
                    "select coalesce(seq_scan, 0) + coalesce(idx_scan, 0) from pg_stat_user_tables where relname = 'api_keys'"
                )
            }
            let wrong = (0..<10_000).map { "ck_\(String(format: "%016d", $0))_\(String(repeating: "0", count: 64))" }
            // The first ones open the connections.
            _ = try await concurrently(Array(wrong.prefix(500))) { try await status(api, $0) }
            let before = (scans: try scans(), memory: try #require(program.peakMemory))
            let statuses = try await concurrently(wrong) { try await status(api, $0) }
            #expect(statuses.allSatisfy { $0 == 401 })
            // PostgreSQL counts late: the scans of the start may be counted after `before`. A scan per key would be 10,000.
            #expect(try scans() < before.scans + 10)
            #expect(try #require(program.peakMemory) < before.memory + 16 << 20)
        }
    }
}
