import Broker
import OrderedCollections
import SeededRandom

extension BrokerMessage {
    /// Any message that another program could publish.
    static func random(using random: inout SeededGenerator) -> BrokerMessage {
        func text() -> String? { random.oneIn(2) ? nil : String.random(using: &random) }
        var properties = MessageProperties()
        properties.contentType = text()
        properties.contentEncoding = text()
        properties.correlationID = text()
        properties.replyTo = text()
        properties.expiration = text()
        properties.messageID = text()
        properties.type = text()
        properties.userID = text()
        properties.appID = text()
        if random.oneIn(2) { properties.deliveryMode = UInt8.random(in: 0...255, using: &random) }
        if random.oneIn(2) { properties.priority = UInt8.random(in: 0...255, using: &random) }
        if random.oneIn(2) { properties.timestamp = random.next() }
        properties.headers = AMQPTable.random(depth: 3, using: &random)
        let body: [UInt8] = random.oneIn(2) ? Array(String.random(using: &random).utf8) : [UInt8].random(using: &random)
        return BrokerMessage(properties: properties, body: body)
    }
}

extension AMQPValue {
    /// A value of any kind.
    ///
    /// - Parameter depth: the deepest nesting.
    static func random(depth: Int, using random: inout SeededGenerator) -> AMQPValue {
        let bits = random.next()
        switch Int.random(in: 0..<(depth > 0 ? 19 : 17), using: &random) {
        case 0: return .boolean(random.oneIn(2))
        case 1: return .int8(Int8(truncatingIfNeeded: bits))
        case 2: return .uint8(UInt8(truncatingIfNeeded: bits))
        case 3: return .int16(Int16(truncatingIfNeeded: bits))
        case 4: return .uint16(UInt16(truncatingIfNeeded: bits))
        case 5: return .int32(Int32(truncatingIfNeeded: bits))
        case 6: return .uint32(UInt32(truncatingIfNeeded: bits))
        case 7: return .int64(Int64(bitPattern: bits))
        case 8: return .uint64(bits)
        case 9: return .float(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
        case 10: return .double(Double(bitPattern: bits))
        case 11: return .decimal(places: UInt8(truncatingIfNeeded: bits), value: UInt32(truncatingIfNeeded: bits >> 8))
        case 12: return .string(String.random(using: &random))
        case 13: return .rawString([UInt8].random(using: &random))
        case 14: return .bytes([UInt8].random(using: &random))
        case 15: return .timestamp(bits)
        case 16: return .void
        case 17:
            let count = Int.random(in: 0...3, using: &random)
            return .array((0..<count).map { _ in AMQPValue.random(depth: depth - 1, using: &random) })
        default: return .table(AMQPTable.random(depth: depth - 1, using: &random))
        }
    }
}

extension AMQPTable {
    fileprivate static func random(depth: Int, using random: inout SeededGenerator) -> AMQPTable {
        var table: AMQPTable = [:]
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            table[String.random(using: &random)] = AMQPValue.random(depth: depth, using: &random)
        }
        return table
    }
}

extension String {
    fileprivate static func random(using random: inout SeededGenerator) -> String {
        let parts = [
            "a", "Z", "0", " ", "\"", "\\", "/", "\n", "\r\n", "\0", "\u{7f}", "\u{85}", "\u{2028}", "\u{301}",
            "\u{feff}", "é", "ß", "数", "🎉", "{", "}", "x-", "\u{10ffff}",
        ]
        let count = Int.random(in: 0...8, using: &random)
        return (0..<count).map { _ in parts.randomElement(using: &random) ?? "" }.joined()
    }
}

extension [UInt8] {
    fileprivate static func random(using random: inout SeededGenerator) -> [UInt8] {
        let count = Int.random(in: 0...40, using: &random)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }
}
