internal import Broker
internal import Claims

/// A fingerprint or a claim's id in 32 bytes of memory, because a change may be about a million messages.
package struct CompactID: Hashable, Sendable, LosslessStringConvertible {
    private let head, middle, tail: UInt64
    private let last: UInt8

    /// - Parameter description: 40 characters of base32hex, as all fingerprints and ids of claims are.
    package init?(_ description: String) {
        guard let bytes = Base32Hex.decode(description), bytes.count == 25 else { return nil }
        func word(_ start: Int) -> UInt64 {
            bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) }
        }
        head = word(0)
        middle = word(8)
        tail = word(16)
        last = bytes[24]
    }

    package var description: String {
        let words = [head, middle, tail].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * UInt64($0))) }
        }
        return Base32Hex.encode(words + [last])
    }
}

extension BrokerMessage {
    /// The fingerprint in its compact form.
    var compactFingerprint: CompactID {
        guard let id = CompactID(fingerprint) else {
            preconditionFailure("a fingerprint is 40 characters of base32hex")
        }
        return id
    }
}
