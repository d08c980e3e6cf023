import OrderedCollections
import Testing

@testable import Broker

/// Properties on their way into librabbitmq's structures and out again.
@Suite struct MessagePropertiesTests {
    private func throughTheLibrary(_ properties: MessageProperties) -> MessageProperties {
        let memory = CallMemory()
        return withExtendedLifetime(memory) { MessageProperties(memory.properties(properties)) }
    }

    private func throughTheLibrary(_ value: AMQPValue) -> AMQPValue? {
        var properties = MessageProperties()
        properties.headers["key"] = value
        return throughTheLibrary(properties).headers["key"]
    }

    @Test func allPropertiesAreCarried() {
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
        properties.type = "claim"
        properties.userID = "claims"
        properties.appID = "app"
        #expect(throughTheLibrary(properties) == properties)
    }

    @Test func whatIsNotSetStaysUnset() {
        #expect(throughTheLibrary(MessageProperties()) == MessageProperties())
    }

    @Test func anEmptyTextIsNotAMissingOne() {
        var properties = MessageProperties()
        properties.correlationID = ""
        #expect(throughTheLibrary(properties).correlationID == "")
    }

    @Test(arguments: [
        AMQPValue.boolean(true), .boolean(false), .int8(.min), .uint8(.max), .int16(.min), .uint16(.max), .int32(.min),
        .uint32(.max), .int64(.min), .uint64(.max), .float(1.5), .double(-2.25), .decimal(places: 2, value: 4711),
        .string(""), .string("größe 🎉"), .rawString([0xFF, 0x00, 0xFE]), .bytes([0, 1, 255]), .bytes([]),
        .timestamp(1_795_368_454), .void, .array([]), .table([:]),
        .array([.int32(1), .string("two"), .array([.void]), .table(["three": .int64(3)])]),
        .table(["z": .string("first"), "a": .table(["nested": .array([.boolean(true)])])]),
    ])
    func aHeaderOfAnyKindIsCarried(_ value: AMQPValue) {
        #expect(throughTheLibrary(value) == value)
    }

    @Test func headersKeepTheirOrder() {
        var properties = MessageProperties()
        for index in (0..<50).reversed() { properties.headers["key \(index)"] = .int32(Int32(index)) }
        #expect(throughTheLibrary(properties).headers.elements.map(\.key) == properties.headers.elements.map(\.key))
    }

    @Test func aLongHistoryIsCarriedWhole() {
        let message = String(repeating: "x", count: 1000)
        let history = AMQPValue.array((0..<200).map { .table(["attempt": .int32($0), "message": .string(message)]) })
        #expect(throughTheLibrary(history) == history)
    }
}
