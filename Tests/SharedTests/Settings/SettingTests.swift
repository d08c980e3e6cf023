import Foundation
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

    @Test func aSecretIsReadFromAFile() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "secret-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data("hunter2\n".utf8).write(to: URL(fileURLWithPath: path))
        #expect(try SettingReader(environment: ["SOME_SECRET_FILE": path]).text(secret) == "hunter2")
        let both = SettingReader(environment: ["SOME_SECRET_FILE": path, "SOME_SECRET": "hunter3"])
        #expect(
            errorDescription { () throws(SettingError) in try both.text(secret) }
                == "SOME_SECRET and SOME_SECRET_FILE are both set; set one of them")
        // Only secrets are read from files.
        #expect(
            errorDescription { () throws(SettingError) in
                try SettingReader(environment: ["SOME_URL_FILE": path]).text(url)
            } == "SOME_URL is not set: address of the server")

        try Data("\n".utf8).write(to: URL(fileURLWithPath: path))
        let empty = SettingReader(environment: ["SOME_SECRET_FILE": path])
        #expect(errorDescription { () throws(SettingError) in try empty.text(secret) }?.contains("is empty") == true)
        let missing = SettingReader(environment: ["SOME_SECRET_FILE": "/nowhere/secret"])
        #expect(
            errorDescription { () throws(SettingError) in try missing.text(secret) }
                == "SOME_SECRET_FILE must be a file that can be read, not \"/nowhere/secret\"")
    }

    @Test func theHelpNamesTheSecrets() {
        #expect([port, secret].help.hasSuffix("SOME_SECRET: also as NAME_FILE, the path of a file with the value"))
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
