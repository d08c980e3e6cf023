import Settings
import Testing

@Suite struct SettingTests {
    private let port = Setting("SOME_HTTP_PORT", defaultValue: "8080", help: "port to listen on")
    private let url = Setting("SOME_URL", help: "address of the server")
    private let secret = Setting("SOME_SECRET", isSecret: true, help: "a secret")

    /// Returns the description of the error that `read` throws; nil if it throws none.
    private func errorDescription<Value>(_ read: () throws(SettingError) -> Value) -> String? {
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

    @Test func anUnsetOrEmptySettingHasItsDefaultValue() throws {
        #expect(try SettingReader(environment: [:]).text(port) == "8080")
        #expect(try SettingReader(environment: ["SOME_HTTP_PORT": ""]).text(port) == "8080")
    }

    @Test(arguments: [[:], ["SOME_URL": ""], ["some_url": "x"], ["URL": "x"]])
    func aMissingSettingIsReportedWithItsHelp(_ environment: [String: String]) {
        let reader = SettingReader(environment: environment)
        #expect(
            errorDescription { () throws(SettingError) in try reader.text(url) }
                == "SOME_URL is not set: address of the server")
    }

    @Test(arguments: [("1", 1), ("8080", 8080), ("65535", 65535)])
    func aWholeNumberIsParsed(_ text: String, _ value: Int) throws {
        let reader = SettingReader(environment: ["SOME_HTTP_PORT": text])
        #expect(try reader.integer(port, in: 1...65535) == value)
    }

    @Test(arguments: ["0", "65536", "-1", "8080 ", " 8080", "80.80", "0x50", "eighty", "99999999999999999999"])
    func anInvalidNumberIsReportedWithItsValue(_ text: String) {
        let reader = SettingReader(environment: ["SOME_HTTP_PORT": text])
        #expect(
            errorDescription { () throws(SettingError) in try reader.integer(port, in: 1...65535) }
                == "SOME_HTTP_PORT must be a whole number from 1 to 65535, not \"\(text)\"")
    }

    @Test func millisecondsAreParsedAsADuration() throws {
        let reader = SettingReader(environment: ["SOME_HTTP_PORT": "1500"])
        #expect(try reader.milliseconds(port, in: 1...2000) == .milliseconds(1500))
    }

    @Test func aSecretIsNotReported() throws {
        let reader = SettingReader(environment: ["SOME_SECRET": "hunter2"])
        let description = errorDescription { () throws(SettingError) in
            try reader.value(secret, mustBe: "longer") { _ -> Int? in nil }
        }
        #expect(description == "SOME_SECRET must be longer")
    }

    @Test func theHelpListsEverySettingWithItsDefaultValue() {
        #expect(
            [port, url].help == """
                SETTINGS, from the environment:
                  SOME_HTTP_PORT  port to listen on (default 8080)
                  SOME_URL        address of the server (required)
                """)
    }
}
