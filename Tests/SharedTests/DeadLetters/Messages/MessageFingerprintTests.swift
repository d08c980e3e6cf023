import Broker
import Claims
import OrderedCollections
import Testing

@testable import DeadLetters

@Suite struct MessageFingerprintTests {
    private typealias Change = (name: String, apply: (inout BrokerMessage) -> Void)

    /// A message in which every property has the same text or number, so that a mix-up of two changes nothing else.
    private var message: BrokerMessage {
        var properties = MessageProperties()
        for property in Self.texts { properties[keyPath: property] = "a" }
        properties.deliveryMode = 1
        properties.priority = 1
        properties.timestamp = 1
        properties.headers = ["a": .string("a"), "list": .array([.int8(1), .table(["b": .void, "c": .void])])]
        return BrokerMessage(properties: properties, body: Array("a".utf8))
    }

    private static var texts: [WritableKeyPath<MessageProperties, String?>] {
        [
            \.contentType, \.contentEncoding, \.correlationID, \.replyTo, \.expiration, \.messageID, \.type, \.userID,
            \.appID,
        ]
    }

    private static var changes: [Change] {
        var changes: [Change] = [
            ("mode", { $0.properties.deliveryMode = 2 }), ("no mode", { $0.properties.deliveryMode = nil }),
            ("priority", { $0.properties.priority = 2 }), ("no priority", { $0.properties.priority = nil }),
            ("timestamp", { $0.properties.timestamp = 2 }), ("no timestamp", { $0.properties.timestamp = nil }),
            ("header", { $0.properties.headers["a"] = .string("b") }),
            ("type of a header", { $0.properties.headers["a"] = .bytes([97]) }),
            ("name of a header", { $0.properties.headers["A"] = $0.properties.headers.removeValue(forKey: "a") }),
            ("no header", { $0.properties.headers = [:] }),
            ("one more header", { $0.properties.headers["x-own"] = .void }),
            ("nested header", { $0.properties.headers["list"] = .array([.int8(1), .table(["b": .void])]) }),
            ("body", { $0.body = Array("b".utf8) }), ("longer body", { $0.body.append(0) }),
            ("empty body", { $0.body = [] }),
        ]
        for (index, property) in texts.enumerated() {
            changes.append(("text \(index)", { $0.properties[keyPath: property] = "b" }))
            changes.append(("empty text \(index)", { $0.properties[keyPath: property] = "" }))
            changes.append(("no text \(index)", { $0.properties[keyPath: property] = nil }))
        }
        return changes
    }

    @Test func everyChangeChangesTheFingerprint() {
        var names = [message.fingerprint: "unchanged"]
        for change in Self.changes {
            var changed = message
            change.apply(&changed)
            let other = names.updateValue(change.name, forKey: changed.fingerprint)
            #expect(other == nil, "\(change.name)")
        }
    }

    @Test func theOrderOfHeadersDoesNotChangeTheFingerprint() {
        var turned = message
        turned.properties.headers = ["list": .array([.int8(1), .table(["c": .void, "b": .void])]), "a": .string("a")]
        #expect(turned != message)
        #expect(turned.fingerprint == message.fingerprint)
    }

    @Test func theOrderOfAnArrayChangesTheFingerprint() {
        var turned = message
        turned.properties.headers["list"] = .array([.table(["b": .void, "c": .void]), .int8(1)])
        #expect(turned.fingerprint != message.fingerprint)
    }

    @Test(arguments: [
        "x-delivery-count", "x-acquired-count", "x-death", "x-first-death-reason", "x-first-death-queue",
        "x-last-death-reason", "x-last-death-exchange",
    ])
    func aHeaderOfTheBrokerDoesNotChangeTheFingerprint(_ name: String) {
        var marked = message
        marked.properties.headers[name] = .int64(3)
        #expect(marked.fingerprint == message.fingerprint)
    }

    @Test func similarValuesOfDifferentTypesHaveDifferentFingerprints() {
        let values: [AMQPValue] = [
            .boolean(true), .int8(1), .uint8(1), .int16(1), .uint16(1), .int32(1), .uint32(1), .int64(1), .uint64(1),
            .float(1), .double(1), .decimal(places: 0, value: 1), .decimal(places: 1, value: 0), .string("1"),
            .rawString([49]), .bytes([49]), .timestamp(1), .array([]), .array([.void]), .array([.array([])]),
            .array([.void, .void]), .array([.array([.void])]), .array([.int8(1)]), .table([:]), .table(["1": .void]),
            .table(["1": .table([:])]), .table(["1": .table(["1": .void])]), .table(["1": .void, "2": .void]), .void,
            .string(""), .bytes([]), .boolean(false), .double(0), .double(-0.0), .double(.nan), .int64(-1),
            .uint64(.max),
        ]
        let fingerprints = values.map { value in
            var changed = message
            changed.properties.headers["a"] = value
            return changed.fingerprint
        }
        #expect(Set(fingerprints).count == values.count)
    }

    @Test func fingerprintsAreTheSameInEveryVersion() {
        let empty = BrokerMessage(properties: MessageProperties(), body: [])
        #expect(empty.fingerprint == "dt0vhhmrj08no37n1vhjemq212bc637nqlnat8ih")
        var small = BrokerMessage(properties: MessageProperties(), body: Array("{}".utf8))
        small.properties.type = "claim"
        small.properties.deliveryMode = 2
        small.properties.headers = ["attempts": .int32(4)]
        #expect(small.fingerprint == "htbf3f2fiojvhje44v4h7b7mmrscr0gj3j4bvm4n")
    }

    @Test func aFingerprintHasTheFormOfAClaimsIDAndIsNotValid() {
        #expect(ClaimID(message.fingerprint)?.description == message.fingerprint)
        #expect(ClaimIDIssuer(secret: "secret").issued(message.fingerprint) == nil)
    }
}
