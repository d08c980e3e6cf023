import Claims
import Settings
import Testing

@testable import ClaimAPI

@Suite struct APISettingsTests {
    private let required = [
        "DATABASE_URL": "postgres://host/claims", "REDIS_URL": "redis://host", "AMQP_URL": "amqp://host",
        "CLAIMS_ID_SECRET": "a secret of at least 32 characters",
    ]

    private func settings(_ changes: [String: String] = [:]) throws(SettingError) -> APISettings {
        try APISettings(SettingReader(environment: required.merging(changes) { $1 }))
    }

    @Test func theDefaultsAreThoseOfTheContract() throws {
        let settings = try settings()
        #expect(settings.host == "127.0.0.1")
        #expect(settings.port == 8080)
        #expect(settings.confirmTimeout == .seconds(5))
    }

    @Test func everySettingIsRead() throws {
        let settings = try settings([
            "CLAIMS_HTTP_HOST": "0.0.0.0", "CLAIMS_HTTP_PORT": "9000", "CLAIMS_CONFIRM_TIMEOUT_MS": "700",
            "CLAIMS_PUBLISH_QUEUE": "5", "CLAIMS_POSTGRES_CONNECTIONS": "2", "CLAIMS_LANES": "3",
        ])
        #expect(settings.host == "0.0.0.0")
        #expect(settings.port == 9000)
        #expect(settings.confirmTimeout == .milliseconds(700))
        #expect(settings.publishQueue == 5)
        #expect(settings.postgresConnections == 2)
        #expect(settings.stores.lanes == 3)
    }

    @Test(arguments: ["DATABASE_URL", "REDIS_URL", "AMQP_URL", "CLAIMS_ID_SECRET"])
    func aMissingSettingIsNamed(_ name: String) {
        let error = #expect(throws: SettingError.self) { try settings([name: ""]) }
        #expect(error?.description.hasPrefix("\(name) is not set") == true)
    }

    @Test(arguments: [
        ("CLAIMS_HTTP_PORT", "0"), ("CLAIMS_HTTP_PORT", "65536"), ("CLAIMS_HTTP_PORT", "http"),
        ("CLAIMS_CONFIRM_TIMEOUT_MS", "0"), ("CLAIMS_PUBLISH_QUEUE", "-1"), ("CLAIMS_POSTGRES_CONNECTIONS", "65"),
    ])
    func anInvalidSettingIsNamedAndShown(_ name: String, _ value: String) {
        let error = #expect(throws: SettingError.self) { try settings([name: value]) }
        #expect(error?.description.hasPrefix("\(name) must be ") == true)
        #expect(error?.description.hasSuffix("not \"\(value)\"") == true)
    }

    @Test func aShortSecretIsRefusedAndNotShown() throws {
        let short = String(repeating: "s", count: 31)
        let error = #expect(throws: SettingError.self) { try settings(["CLAIMS_ID_SECRET": short]) }
        #expect(error?.description == "CLAIMS_ID_SECRET must be at least 32 characters long")
        #expect(throws: Never.self) { try settings(["CLAIMS_ID_SECRET": short + "s"]) }
    }

    @Test func everySettingHasAUniqueNameAndAHelpText() {
        #expect(Set(APISettings.all.map(\.name)).count == APISettings.all.count)
        #expect(APISettings.all.allSatisfy { !$0.help.isEmpty })
    }

    @Test func severalSecretsAreSeparatedByCommas() throws {
        let (new, old) = (String(repeating: "n", count: 32), String(repeating: "o", count: 32))
        #expect(try settings(["CLAIMS_ID_SECRET": "\(new),\(old)"]).idSecrets == [new, old])
        #expect(throws: SettingError.self) { try settings(["CLAIMS_ID_SECRET": "\(new),short"]) }
    }

    // MARK: Access

    private static let tokens = [
        "CLAIMS_JWKS": "https://id.example/jwks", "CLAIMS_JWT_ISSUER": "https://id.example",
        "CLAIMS_JWT_AUDIENCE": "claims",
    ]

    @Test(arguments: [
        ("127.0.0.1", "auto", false, false), ("localhost", "auto", false, false), ("::1", "auto", false, false),
        ("0.0.0.0", "auto", false, true), ("::", "auto", false, true), ("10.0.0.1", "auto", false, true),
        ("127.0.0.1", "auto", true, true), ("127.0.0.1", "required", false, true), ("0.0.0.0", "off", true, false),
    ])
    func tokensAreRequiredUnlessTheAPIIsLocal(
        _ host: String, _ auth: String, _ hasKeys: Bool, _ isRequired: Bool
    ) throws {
        var changes = hasKeys ? Self.tokens : [:]
        changes["CLAIMS_HTTP_HOST"] = host
        changes["CLAIMS_AUTH"] = auth
        #expect(try settings(changes).access.requiresTokens == isRequired)
    }

    @Test(arguments: ["CLAIMS_JWT_ISSUER", "CLAIMS_JWT_AUDIENCE"])
    func issuerAndAudienceAreRequiredWithKeys(_ name: String) {
        let error = #expect(throws: SettingError.self) { try settings(Self.tokens.merging([name: ""]) { $1 }) }
        #expect(error?.description.hasPrefix("\(name) is not set") == true)
    }

    @Test func limitsAreOffUnlessSet() throws {
        #expect(try settings().access.limits.isEmpty)
        let limits = try settings([
            "CLAIMS_RATE_USER": "100/60", "CLAIMS_RATE_KEY": "5000/1", "CLAIMS_RATE_ADDRESS": "300/60",
            "CLAIMS_PENDING_PER_USER": "20",
        ]).access.limits
        #expect(limits.user == RatePolicy(name: "user", count: 100, seconds: 60))
        #expect(limits.key == RatePolicy(name: "key", count: 5000, seconds: 1))
        #expect(limits.address?.seconds == 60 && limits.pendingPerUser == 20)
    }

    @Test(arguments: [
        ("CLAIMS_AUTH", "on"), ("CLAIMS_RATE_USER", "100"), ("CLAIMS_RATE_KEY", "0/1"), ("CLAIMS_RATE_ADDRESS", "1/x"),
        ("CLAIMS_PENDING_PER_USER", "0"), ("CLAIMS_CORS_ORIGINS", "*"), ("CLAIMS_CORS_ORIGINS", "https://a/b"),
        ("CLAIMS_JWKS", "http://id.example/jwks"), ("CLAIMS_RATE_FAILURES", "many"),
    ])
    func anInvalidAccessSettingIsNamed(_ name: String, _ value: String) {
        let error = #expect(throws: SettingError.self) { try settings([name: value]) }
        #expect(error?.description.hasPrefix("\(name) must be ") == true)
    }

    @Test(arguments: [("CLAIMS_TLS_CERT", "CLAIMS_TLS_KEY"), ("CLAIMS_TLS_KEY", "CLAIMS_TLS_CERT")])
    func aCertificateNeedsItsKey(_ set: String, _ missing: String) {
        let error = #expect(throws: SettingError.self) { try settings([set: "/file.pem"]) }
        #expect(error?.description.hasPrefix("\(missing) is not set") == true)
    }

    @Test func originsAreSeparatedByCommas() throws {
        #expect(
            try settings(["CLAIMS_CORS_ORIGINS": "https://a.example, http://localhost:3000"]).access.corsOrigins
                == ["https://a.example", "http://localhost:3000"])
        #expect(try settings().access.corsOrigins == nil)
    }

    @Test func redisWithTLSIsRefusedWithAdvice() {
        let error = #expect(throws: SettingError.self) { try settings(["REDIS_URL": "rediss://host"]) }
        #expect(error?.description.contains("stunnel") == true)
    }
}
