import OrderedCollections
import Testing

@testable import Broker

/// Converts properties to librabbitmq's structures and back.
@Suite struct MessagePropertiesTests {
    private func roundTrip(_ properties: MessageProperties) -> MessageProperties {
        let pool = AMQPMemoryPool()
        return withExtendedLifetime(pool) { MessageProperties(pool.properties(properties)) }
    }

    private func roundTrip(_ value: AMQPValue) -> AMQPValue? {
        var properties = MessageProperties()
        properties.headers["key"] = value
        return roundTrip(properties).headers["key"]
    }

    @Test func allPropertiesAreKept() {
        var properties = MessageProperties()
        properties.contentType = "application/json"
        properties.contentEncoding = "identity"
        properties.headers = ["a": .int32(1), "größe": .string("groß")]
        properties.deliveryMode = 2
        properties.priority = 9
        properties.correlationID = "correlation"
        properties.replyTo = "reply"
        properties.expiration = "500"
        properties.messageID = "message"
        properties.timestamp = 1_795_368_454
        properties.type = "event"
        properties.userID = "user"
        properties.appID = "app"
        #expect(roundTrip(properties) == properties)
    }

    @Test func unsetPropertiesStayUnset() {
        #expect(roundTrip(MessageProperties()) == MessageProperties())
    }

    @Test func anEmptyTextStaysSet() {
        var properties = MessageProperties()
        properties.correlationID = ""
        #expect(roundTrip(properties).correlationID == "")
    }

    @Test(arguments: [
        AMQPValue.boolean(true), .boolean(false), .int8(.min), .uint8(.max), .int16(.min), .uint16(.max), .int32(.min),
        .uint32(.max), .int64(.min), .uint64(.max), .float(1.5), .double(-2.25), .decimal(places: 2, value: 4711),
        .string(""), .string("größe 🎉"), .rawString([0xFF, 0x00, 0xFE]), .bytes([0, 1, 255]), .bytes([]),
        .timestamp(1_795_368_454), .void, .array([]), .table([:]),
        .array([.int32(1), .string("two"), .array([.void]), .table(["three": .int64(3)])]),
        .table(["z": .string("first"), "a": .table(["nested": .array([.boolean(true)])])]),
    ])
    func aHeaderOfAnyTypeIsKept(_ value: AMQPValue) {
        #expect(roundTrip(value) == value)
    }

    @Test func headersKeepTheirOrder() {
        var properties = MessageProperties()
        for index in (0..<50).reversed() { properties.headers["key \(index)"] = .int32(Int32(index)) }
        #expect(roundTrip(properties).headers.elements.map(\.key) == properties.headers.elements.map(\.key))
    }

    @Test func aLargeHeaderIsKept() {
        let message = String(repeating: "x", count: 1000)
        let header = AMQPValue.array((0..<200).map { .table(["attempt": .int32($0), "message": .string(message)]) })
        #expect(roundTrip(header) == header)
    }
}
