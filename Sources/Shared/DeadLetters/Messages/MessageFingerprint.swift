package import Broker
internal import Claims
internal import Crypto
internal import OrderedCollections

extension BrokerMessage {
    /// A digest of the whole message (body, properties and headers, byte by byte) in 40 characters.
    ///
    /// It stays the same while the message is in the queue, and through an export and import. The headers that the broker
    /// writes and the order of the headers are not part of it. It has the form of a claim's id, but is never a valid one.
    package var fingerprint: String {
        fingerprint { ClaimHeaders.isBrokerMark($0) }
    }

    /// The fingerprint that earlier versions exported: with the broker's record of its dead-lettering.
    var formerFingerprint: String {
        fingerprint { $0 == ClaimHeaders.deliveryCount }
    }

    private func fingerprint(withoutHeaders isLeftOut: (String) -> Bool) -> String {
        var hash = ContentHash()
        let properties = properties
        for text in [
            properties.contentType, properties.contentEncoding, properties.correlationID, properties.replyTo,
            properties.expiration, properties.messageID, properties.type, properties.userID, properties.appID,
        ] {
            hash.add(text)
        }
        hash.add(properties.deliveryMode.map { UInt64($0) })
        hash.add(properties.priority.map { UInt64($0) })
        hash.add(properties.timestamp)
        var headers = properties.headers
        headers.removeAll { isLeftOut($0.key) }
        hash.add(headers)
        hash.add(body)
        return hash.text
    }

    /// A digest of what the sender published: the body and the sender's own properties and headers, in 40 characters.
    ///
    /// It identifies a message without a claim's id, and stays the same through retries and replays.
    package var contentID: String {
        var bare = self
        let added = [
            ClaimHeaders.sequence, ClaimHeaders.attempts, ClaimHeaders.errors, ClaimHeaders.reason,
            ClaimHeaders.diedAt, ClaimHeaders.replays,
        ]
        bare.properties.headers.removeAll { added.contains($0.key) || $0.key.hasPrefix("x-") }
        bare.properties.deliveryMode = nil
        bare.properties.expiration = nil
        bare.properties.userID = nil
        return bare.fingerprint
    }
}

/// Feeds values to a digest, each with its kind and length, so that different values never feed the same bytes.
private struct ContentHash {
    /// Collected first, because the digest takes a multiple of the time if it is fed in small pieces.
    private var collected: [UInt8] = []

    init() {
        collected.reserveCapacity(2048)
    }

    var text: String { Base32Hex.encode(SHA256.hash(data: collected).prefix(25)) }

    mutating func add(_ bytes: [UInt8]) {
        add(UInt64(bytes.count))
        collected += bytes
    }

    mutating func add(_ text: String?) {
        mark(text == nil ? 0 : 1)
        if let text {
            add(UInt64(text.utf8.count))
            collected += text.utf8
        }
    }

    mutating func add(_ number: UInt64?) {
        mark(number == nil ? 0 : 1)
        withUnsafeBytes(of: (number ?? 0).littleEndian) { collected += $0 }
    }

    mutating func add(_ table: AMQPTable) {
        add(UInt64(table.count))
        for (key, value) in table.sorted(by: { $0.key < $1.key }) {
            add(key)
            add(value)
        }
    }

    private mutating func mark(_ kind: UInt8) {
        collected.append(kind)
    }

    private mutating func add(_ kind: UInt8, _ number: some FixedWidthInteger) {
        mark(kind)
        add(UInt64(truncatingIfNeeded: number))
    }

    private mutating func add(_ value: AMQPValue) {
        switch value {
        case .boolean(let value): add(1, value ? 1 : 0)
        case .int8(let value): add(2, value)
        case .uint8(let value): add(3, value)
        case .int16(let value): add(4, value)
        case .uint16(let value): add(5, value)
        case .int32(let value): add(6, value)
        case .uint32(let value): add(7, value)
        case .int64(let value): add(8, value)
        case .uint64(let value): add(9, value)
        case .float(let value): add(10, value.bitPattern)
        case .double(let value): add(11, value.bitPattern)
        case .decimal(let places, let value): add(12, UInt64(places) << 32 | UInt64(value))
        case .string(let value):
            mark(13)
            add(value)
        case .rawString(let value):
            mark(14)
            add(value)
        case .bytes(let value):
            mark(15)
            add(value)
        case .timestamp(let value): add(16, value)
        case .array(let values):
            add(17, values.count)
            for value in values { add(value) }
        case .table(let table):
            mark(18)
            add(table)
        case .void: mark(19)
        }
    }
}
