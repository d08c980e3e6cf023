import Logging
import Settings
import Testing

@Suite struct LogSettingsTests {
    @Test func theDefaultsAreTextAndInfo() throws {
        let settings = try LogSettings(SettingReader(environment: [:]))
        #expect(settings.format == .text)
        #expect(settings.level == .info)
    }

    @Test func formatAndLevelAreReadFromTheEnvironment() throws {
        let settings = try LogSettings(
            SettingReader(environment: ["CLAIMS_LOG_FORMAT": "json", "CLAIMS_LOG_LEVEL": "debug"]))
        #expect(settings.format == .json)
        #expect(settings.level == .debug)
    }

    @Test(arguments: ["CLAIMS_LOG_FORMAT", "CLAIMS_LOG_LEVEL"])
    func anInvalidValueIsReportedWithTheSettingsName(_ name: String) {
        let error = #expect(throws: SettingError.self) {
            try LogSettings(SettingReader(environment: [name: "loud"]))
        }
        #expect(error?.description.hasPrefix("\(name) must be ") == true)
        #expect(error?.description.hasSuffix("not \"loud\"") == true)
    }
}
