import Settings
import Testing

@Suite struct SettingTests {
    private let port = Setting("CLAIMS_SOME_PORT", defaultValue: "8080", help: "port to listen at")
    private let url = Setting("SOME_URL", help: "where it is")
    private let secret = Setting("CLAIMS_SECRET", isSecret: true, help: "kept secret")

    /// What is said when this is read; nil if it can be read.
    private func complaint<Value>(_ read: () throws(SettingError) -> Value) -> String? {
        do throws(SettingError) {
            _ = try read()
            return nil
        } catch {
            return error.description
        }
    }

    @Test func aSettingIsReadFromTheEnvironment() throws {
        #expect(try SettingReader(environment: ["SOME_URL": "a b=c:/ü"]).text(url) == "a b=c:/ü")
    }

    @Test func aSettingThatIsNotSetIsTheStandard() throws {
        #expect(try SettingReader(environment: [:]).text(port) == "8080")
        #expect(try SettingReader(environment: ["CLAIMS_SOME_PORT": ""]).text(port) == "8080")
    }

    @Test(arguments: [[:], ["SOME_URL": ""], ["some_url": "x"], ["URL": "x"]])
    func aMissingSettingIsNamedWithItsHelp(_ environment: [String: String]) {
        let reader = SettingReader(environment: environment)
        #expect(complaint { () throws(SettingError) in try reader.text(url) } == "SOME_URL is not set: where it is")
    }

    @Test(arguments: [("1", 1), ("8080", 8080), ("65535", 65535)])
    func aWholeNumberIsRead(_ text: String, _ value: Int) throws {
        let reader = SettingReader(environment: ["CLAIMS_SOME_PORT": text])
        #expect(try reader.integer(port, in: 1...65535) == value)
    }

    @Test(arguments: ["0", "65536", "-1", "8080 ", " 8080", "80.80", "0x50", "eighty", "99999999999999999999"])
    func aNumberOutOfRangeIsNamedAndShown(_ text: String) {
        let reader = SettingReader(environment: ["CLAIMS_SOME_PORT": text])
        #expect(
            complaint { () throws(SettingError) in try reader.integer(port, in: 1...65535) }
                == "CLAIMS_SOME_PORT must be a whole number from 1 to 65535, not \"\(text)\"")
    }

    @Test func millisecondsAreReadAsADuration() throws {
        let reader = SettingReader(environment: ["CLAIMS_SOME_PORT": "1500"])
        #expect(try reader.milliseconds(port, in: 1...2000) == .milliseconds(1500))
    }

    @Test func aSecretIsNotShown() throws {
        let reader = SettingReader(environment: ["CLAIMS_SECRET": "hunter2"])
        let complaint = self.complaint { () throws(SettingError) in
            try reader.value(secret, mustBe: "longer") { _ -> Int? in nil }
        }
        #expect(complaint == "CLAIMS_SECRET must be longer")
    }

    @Test func theHelpListsEverySettingWithItsStandard() {
        #expect(
            [port, url].help == """
                SETTINGS, from the environment:
                  CLAIMS_SOME_PORT  port to listen at (default 8080)
                  SOME_URL          where it is (required)
                """)
    }
}
