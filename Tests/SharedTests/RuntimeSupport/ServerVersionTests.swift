import RuntimeSupport
import Testing

@Suite struct ServerVersionTests {
    @Test(arguments: [
        ("7.0.15", "7.0.15"), ("15.16 (Debian 15.16-0+deb12u1)", "15.16"), ("4.1.0-rc.2", "4.1.0"), ("14beta1", "14"),
        ("3.10.8+1.g1234", "3.10.8"),
    ])
    func theLeadingNumbersAreParsed(_ text: String, _ version: String) {
        #expect(ServerVersion(text)?.description == version)
    }

    @Test(arguments: ["", "x", "v7", ".", "99999999999999999999"])
    func aTextWithoutANumberHasNoVersion(_ text: String) {
        #expect(ServerVersion(text) == nil)
    }

    @Test(arguments: [("3.9.29", "3.10"), ("3.9", "3.10"), ("13.23", "14"), ("6.2.14", "7"), ("3", "3.10")])
    func anOlderVersionIsRefusedWithBothVersions(_ found: String, _ minimum: String) throws {
        let (version, oldest) = (try #require(ServerVersion(found)), try #require(ServerVersion(minimum)))
        #expect(
            version.refusal(of: "Server", before: oldest)
                == "Server \(found) is too old; version \(minimum) or later is required")
    }

    @Test(arguments: [("3.10.0", "3.10"), ("3.10", "3.10"), ("4.0.5", "3.10"), ("14.0", "14"), ("18.1", "14")])
    func aVersionThatIsNotOlderIsAccepted(_ found: String, _ minimum: String) throws {
        let (version, oldest) = (try #require(ServerVersion(found)), try #require(ServerVersion(minimum)))
        #expect(version.refusal(of: "Server", before: oldest) == nil)
    }
}
