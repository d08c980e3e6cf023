import Foundation
import Testing

extension IntegrationTests {
    /// Programs refuse invalid settings by name.
    @Suite struct InvalidSettings {
        private static let stores = [
            ("DATABASE_URL", "mysql://user:hunter2@host/db"), ("DATABASE_URL", ""),
            ("REDIS_URL", "http://:hunter2@host"),
            ("REDIS_URL", ""), ("AMQP_URL", "ftp://user:hunter2@host"), ("AMQP_URL", ""), ("CLAIMS_LANES", "0"),
            ("CLAIMS_LANES", "many"), ("CLAIMS_LOG_FORMAT", "xml"), ("CLAIMS_LOG_LEVEL", "loud"),
        ]
        private static let api = [
            ("CLAIMS_HTTP_PORT", "0"), ("CLAIMS_HTTP_PORT", "eighty"), ("CLAIMS_HTTP_PORT", "65536"),
            ("CLAIMS_ID_SECRET", "hunter2"), ("CLAIMS_ID_SECRET", ""), ("CLAIMS_CONFIRM_TIMEOUT_MS", "-5"),
            ("CLAIMS_PUBLISH_QUEUE", "0"), ("CLAIMS_POSTGRES_CONNECTIONS", "x"),
            ("CLAIMS_EVENT_LOOPS", "0"), ("CLAIMS_EVENT_LOOPS", "many"),
        ]
        private static let worker = [
            ("CLAIMS_WORKER_NAME", "a/b"), ("CLAIMS_BATCH", "0"), ("CLAIMS_PREFETCH", "1"), ("CLAIMS_LOCK_TTL_MS", "x"),
            ("CLAIMS_LOCK_WAIT_MS", "-1"), ("CLAIMS_LOCK_RETRIES", "-1"), ("CLAIMS_RETRY_DELAYS_MS", "1,,2"),
            ("CLAIMS_RETRY_DELAYS_MS", "soon"), ("CLAIMS_HEARTBEAT_SECONDS", "0"), ("CLAIMS_OUTAGE_PATIENCE_MS", "1"),
        ]

        @Test(arguments: stores + api) func theAPIRefusesAnInvalidSettingByName(name: String, value: String)
            async throws
        {
            try await expectRefusal("ClaimAPI", name, value)
        }

        @Test(arguments: stores + worker)
        func theWorkerRefusesAnInvalidSettingByName(name: String, value: String) async throws {
            try await expectRefusal("ClaimWorker", name, value)
        }

        @Test(arguments: stores.prefix(8) + [("CLAIMS_LANES", "999")])
        func claimctlRefusesAnInvalidSettingByName(name: String, value: String) async throws {
            let result = try await claimctl("status", settings: [name: value])
            expectRefusal(result, name)
        }

        @Test(arguments: ["ClaimAPI", "ClaimWorker", "claimctl"])
        func theHelpTextNamesTheSettingsAndShowsNoSecret(program: String) async throws {
            let result = try await Program.run(program, ["--help"])
            #expect(result.code == 0)
            for name in ["DATABASE_URL", "REDIS_URL", "AMQP_URL", "CLAIMS_LANES"] {
                #expect(result.output.contains(name))
            }
            try expectNoSecret(in: result.text)
            let wrong = try await Program.run(program, ["--no-such-option"])
            #expect(wrong.code == 64 && wrong.errors.contains("--no-such-option"))
        }

        private func expectRefusal(_ program: String, _ name: String, _ value: String) async throws {
            expectRefusal(try await Program.run(program, settings: [name: value], within: .seconds(10)), name)
        }

        private func expectRefusal(_ result: Program.Result, _ name: String) {
            #expect(result.code == 64, "\(result)")
            #expect(result.errors.contains(name), "\(result)")
            #expect(!result.text.contains("hunter2"), "the output shows a secret: \(result)")
        }
    }
}

/// Checks that a text contains no password of this test run.
func expectNoSecret(in text: String) throws {
    let settings = Setup.environment(with: [:])
    let urls = try ["DATABASE_URL", "REDIS_URL", "AMQP_URL"].map { try #require(settings[$0]) }
    let passwords =
        urls.compactMap { URLComponents(string: $0)?.password } + [try #require(settings["CLAIMS_ID_SECRET"])]
    #expect(passwords.count == 4)
    for password in passwords { #expect(!text.contains(password), "the text contains a password") }
}
