import Redis
import Testing

@Suite struct RedisAddressTests {
    @Test func everyPartIsParsed() throws {
        let address = try #require(RedisAddress(url: "redis://user:pass@host:7000/3"))
        #expect(address.host == "host")
        #expect(address.port == 7000)
        #expect(address.user == "user")
        #expect(address.password == "pass")
        #expect(address.database == 3)
    }

    @Test func omittedPartsHaveDefaults() throws {
        let address = try #require(RedisAddress(url: "redis://host"))
        #expect(address.port == 6379)
        #expect(address.user == nil)
        #expect(address.password == nil)
        #expect(address.database == 0)
    }

    @Test func aPasswordNeedsNoUser() throws {
        let address = try #require(RedisAddress(url: "redis://:p%40ss%2Fw%3Ard@host:6380/0"))
        #expect(address.user == nil)
        #expect(address.password == "p@ss/w:rd")
    }

    @Test func aTrailingSlashMeansDatabase0() {
        #expect(RedisAddress(url: "redis://host:1/")?.database == 0)
    }

    @Test func anIPv6AddressLosesItsBrackets() {
        #expect(RedisAddress(url: "redis://[::1]:6380")?.host == "::1")
    }

    @Test(arguments: [
        "", "host", "host:6379", "http://host", "rediss://host", "redis://", "redis:host", "redis:///1",
        "redis://host/x", "redis://host/-1", "redis://host/1/2", "redis://host:port", "redis://host:99999",
        "redis://ho st", "redis://host#fragment", "redis://host/0?timeout=5", "redis://host?", "redis://user@host",
    ])
    func anInvalidURLIsRejected(_ text: String) {
        #expect(RedisAddress(url: text) == nil)
    }

    @Test func theDescriptionContainsNoCredentials() {
        #expect(RedisAddress(url: "redis://user:secret@host:1/2")?.description == "redis://host:1/2")
    }
}
