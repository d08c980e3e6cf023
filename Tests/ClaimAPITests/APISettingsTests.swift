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
}
