import Broker
import Testing

@Suite struct BrokerAddressTests {
    private func one(_ url: String) throws -> BrokerAddress {
        let list = try #require(BrokerAddress.list(url))
        return try #require(list.count == 1 ? list[0] : nil)
    }

    @Test func everyPartIsParsed() throws {
        let address = try one("amqp://user:pass@host:10000/vhost")
        #expect(!address.isTLS)
        #expect(address.host == "host")
        #expect(address.port == 10000)
        #expect(address.user == "user")
        #expect(address.password == "pass")
        #expect(address.virtualHost == "vhost")
    }

    /// The example of <https://www.rabbitmq.com/docs/uri-spec>, appendix A.
    @Test func partsMayBePercentEncoded() throws {
        let address = try one("amqp://user%61:%61pass@ho%61st:10000/v%2fhost")
        #expect(address.user == "usera")
        #expect(address.password == "apass")
        #expect(address.host == "hoast")
        #expect(address.virtualHost == "v/host")
    }

    @Test func aPasswordMayContainEncodedSeparators() throws {
        #expect(try one("amqp://u:a%2Cb%40c%3Ad%2Fe@host").password == "a,b@c:d/e")
    }

    @Test func omittedPartsHaveDefaults() throws {
        let address = try one("amqp://host")
        #expect(address.port == 5672)
        #expect(address.user == "guest")
        #expect(address.password == "guest")
        #expect(address.virtualHost == "/")
    }

    @Test func tlsHasItsOwnDefaultPort() throws {
        let address = try one("amqps://host")
        #expect(address.isTLS)
        #expect(address.port == 5671)
    }

    @Test(arguments: [("amqp://host", "/"), ("amqp://host/", ""), ("amqp://host/%2F", "/"), ("amqp://host/a", "a")])
    func theVirtualHostFollowsTheSpecification(_ url: String, _ virtualHost: String) throws {
        #expect(try one(url).virtualHost == virtualHost)
    }

    @Test func anIPv6AddressLosesItsBrackets() throws {
        let address = try one("amqp://[::1]:5673/v")
        #expect(address.host == "::1")
        #expect(address.port == 5673)
    }

    @Test func addressesAreSeparatedByCommas() throws {
        let list = try #require(BrokerAddress.list("amqp://a:1/x, amqp://b:2/x ,amqps://c:3/x"))
        #expect(list.map(\.host) == ["a", "b", "c"])
        #expect(list.map(\.port) == [1, 2, 3])
        #expect(list.map(\.isTLS) == [false, false, true])
    }

    @Test(arguments: [
        "", ",", " ", "host", "host:5672", "http://host", "redis://host", "amqp://", "amqp:host", "amqp:///vhost",
        "amqp://host:port", "amqp://host:99999", "amqp://host/a/b", "amqp://ho st", "amqp://host/v#fragment",
        "amqp://a,http://b", "amqp://a,b", "amqp://host/v?heartbeat=5", "amqp://host?", "amqp://host/v?cacert=/ca.pem",
        "amqps://host/v?heartbeat=5", "amqps://host/v?", "amqps://host/v?cert=/c.pem", "amqps://host/v?key=/k.pem",
        "amqps://host/v?cacert=", "amqps://host/v?cacert=/a&cacertfile=/b", "amqps://host/v?verify=verify_none",
    ])
    func aListWithAnInvalidAddressIsRejected(_ text: String) {
        #expect(BrokerAddress.list(text) == nil)
    }

    @Test(arguments: ["cacert=/ca.pem&cert=/c.pem&key=/k%20.pem", "cacertfile=/ca.pem&certfile=/c.pem&keyfile=/k .pem"])
    func theFilesOfTLSAreParameters(_ query: String) throws {
        let address = try one("amqps://host/v?\(query.replacing(" ", with: "%20"))")
        #expect(address.certificateAuthorities == "/ca.pem")
        #expect(address.clientCertificate == "/c.pem")
        #expect(address.clientKey == "/k .pem")
        #expect(try one("amqps://host/v?cacert=/ca.pem").clientKey == nil)
        #expect(try one("amqps://host/v").certificateAuthorities == nil)
    }

    @Test func theDescriptionContainsNoCredentials() throws {
        #expect("\(try one("amqp://somebody:secret@host:10000/vhost"))" == "amqp://host:10000/vhost")
        #expect("\(try one("amqps://somebody:secret@host/vhost"))" == "amqps://host:5671/vhost")
    }
}
