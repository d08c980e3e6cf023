internal import Crypto
internal import Foundation

/// A claim's id: made from the user and the idempotency key, and able to prove that it was issued here.
///
/// 25 bytes as 40 characters of base32hex (RFC 4648, section 7) in lower case: 15 bytes that are a keyed digest of user
/// and key, 10 bytes that are a keyed digest of those. So the same request gives the same id on every API process
/// without a look-up, and an invented id is told from an issued one without a look-up too.
package struct ClaimID: Hashable, Sendable, CustomStringConvertible {
    /// The id as it stands in URLs, messages and rows.
    package let description: String

    /// Takes a text for an id without asking for its proof; workers do, as they get ids from the broker only.
    ///
    /// - Returns: nil if it can't be one by its length or letters.
    package init?(_ text: String) {
        guard text.utf8.count == Self.length, text.utf8.allSatisfy({ Base32Hex.value(of: $0) != nil }) else {
            return nil
        }
        description = text
    }

    fileprivate init(bytes: some Sequence<UInt8>) {
        description = Base32Hex.encode(bytes)
    }

    fileprivate static let digestBytes = 15
    fileprivate static let proofBytes = 10
    private static let length = 40
}

extension ClaimID: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let id = ClaimID(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "is not a claim's id")
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// Makes claim ids and tells real ones from invented ones. Every API process holds the same secret.
package struct ClaimIDIssuer: Sendable {
    private let digestKey: SymmetricKey
    private let proofKey: SymmetricKey

    /// - Parameter secret: shared by all API processes; whoever knows it can make ids that look issued.
    package init(secret: String) {
        let root = SymmetricKey(data: Data(secret.utf8))
        func derived(_ purpose: String) -> SymmetricKey {
            HKDF<SHA256>.deriveKey(inputKeyMaterial: root, info: Data(purpose.utf8), outputByteCount: 32)
        }
        digestKey = derived("claim id: digest of user and idempotency key")
        proofKey = derived("claim id: proof of issue")
    }

    /// The one id of this user's request with this key.
    package func id(user: UserID, key: IdempotencyKey) -> ClaimID {
        var digest = HMAC<SHA256>(key: digestKey)
        let user = Array(user.description.utf8)
        // The length in front keeps ("ab", "c") apart from ("a", "bc").
        withUnsafeBytes(of: UInt32(user.count).littleEndian) { digest.update(data: $0) }
        digest.update(data: user)
        digest.update(data: Array(key.value.utf8))
        let head = Array(digest.finalize().prefix(ClaimID.digestBytes))
        return ClaimID(bytes: head + proof(of: head))
    }

    /// Reads an id that a client sent.
    ///
    /// - Returns: nil unless it was issued with this secret.
    package func issued(_ text: String) -> ClaimID? {
        guard let id = ClaimID(text), let bytes = Base32Hex.decode(id.description) else { return nil }
        let head = Array(bytes.prefix(ClaimID.digestBytes))
        let expected = proof(of: head)
        // Every byte is looked at, so that the time taken tells nothing of where they differ.
        let difference = zip(bytes.dropFirst(ClaimID.digestBytes), expected).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) }
        return difference == 0 ? id : nil
    }

    private func proof(of head: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: head, using: proofKey).prefix(ClaimID.proofBytes))
    }
}

/// Base32 with the alphabet `0`–`9`, `a`–`v` (RFC 4648, section 7), for whole groups of five bytes only.
package enum Base32Hex {
    private static let alphabet = Array("0123456789abcdefghijklmnopqrstuv".utf8)

    static func value(of character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "v"): character - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    package static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        var window: UInt32 = 0
        var bits = 0
        for byte in bytes {
            window = window << 8 | UInt32(byte)
            bits += 8
            while bits >= 5 {
                bits -= 5
                text.append(alphabet[Int(window >> UInt32(bits) & 31)])
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    static func decode(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var window: UInt32 = 0
        var bits = 0
        for character in text.utf8 {
            guard let value = value(of: character) else { return nil }
            window = window << 5 | UInt32(value)
            bits += 5
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: window >> UInt32(bits)))
            }
        }
        return bits == 0 ? bytes : nil
    }
}
