import Settings
import Testing

@testable import Admin

@Suite struct AdminSettingsTests {
    private func read(_ environment: [String: String]) throws(SettingError) -> AdminSettings? {
        try AdminSettings.read(SettingReader(environment: environment))
    }

    @Test func thereIsNoListenerByDefault() throws {
        #expect(try read([:]) == nil)
        #expect(try read(["CLAIMS_ADMIN_PORT": ""]) == nil)
    }

    @Test func theListenerIsOnLoopbackUnlessAnAddressIsSet() throws {
        #expect(try read(["CLAIMS_ADMIN_PORT": "9400"]) == AdminSettings(host: "127.0.0.1", port: 9400))
        #expect(
            try read(["CLAIMS_ADMIN_PORT": "9400", "CLAIMS_ADMIN_HOST": "0.0.0.0"])
                == AdminSettings(host: "0.0.0.0", port: 9400))
    }

    @Test(arguments: ["0", "65536", "-1", "metrics"]) func anInvalidPortIsNamed(_ port: String) {
        let error = #expect(throws: SettingError.self) { try read(["CLAIMS_ADMIN_PORT": port]) }
        #expect(error?.description.hasPrefix("CLAIMS_ADMIN_PORT must be empty or a whole number") == true)
    }
}
