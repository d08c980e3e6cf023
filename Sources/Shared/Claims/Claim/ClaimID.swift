internal import Crypto
internal import Foundation

/// The id of a claim, derived from the user and the idempotency key, with a proof that it was issued.
///
/// 25 bytes as 40 characters of base32hex (RFC 4648, section 7) in lower case: 15 bytes are an HMAC of user and key, and
/// 10 bytes are an HMAC of those. The same request gives the same id on every API process, and an invented id is
/// detected, both without a look-up.
package struct ClaimID: Hashable, Sendable, CustomStringConvertible {
    /// The id as it is written in URLs, messages and rows.
    package let description: String

    /// Creates an id without checking its proof. Workers receive ids from the broker only.
    ///
    /// - Returns: nil if the text has another length or alphabet.
    package init?(_ text: String) {
        guard text.utf8.count == Self.length, text.utf8.allSatisfy({ Base32Hex.value(of: $0) != nil }) else {
            return nil
        }
        description = text
    }

    /// The characters that are derived from the user and the idempotency key. They identify the claim without its proof.
    var digest: Substring { description.prefix(Self.digestBytes * 8 / 5) }

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
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "is not a claim id")
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// Issues claim ids and recognizes issued ones. All API processes share the secrets.
package struct ClaimIDIssuer: Sendable {
    /// The keys that are derived from one secret.
    private struct Keys: Sendable {
        let digest: SymmetricKey
        let proof: SymmetricKey

        init(_ secret: String) {
            let root = SymmetricKey(data: Data(secret.utf8))
            func derived(_ purpose: String) -> SymmetricKey {
                HKDF<SHA256>.deriveKey(inputKeyMaterial: root, info: Data(purpose.utf8), outputByteCount: 32)
            }
            digest = derived("claim id: digest of user and idempotency key")
            proof = derived("claim id: proof of issue")
        }

        func id(user: UserID, key: IdempotencyKey) -> ClaimID {
            var input: [UInt8] = []
            input.reserveCapacity(4 + user.description.utf8.count + key.value.utf8.count)
            // The length prefix distinguishes ("ab", "c") from ("a", "bc").
            withUnsafeBytes(of: UInt32(user.description.utf8.count).littleEndian) { input.append(contentsOf: $0) }
            input.append(contentsOf: user.description.utf8)
            input.append(contentsOf: key.value.utf8)
            let code = HMAC<SHA256>.authenticationCode(for: input, using: digest)
            let head = Array(code.prefix(ClaimID.digestBytes))
            return ClaimID(bytes: head + proof(of: head))
        }

        func proof(of head: [UInt8]) -> [UInt8] {
            Array(HMAC<SHA256>.authenticationCode(for: head, using: proof).prefix(ClaimID.proofBytes))
        }

        /// Returns whether the proof of an id was made with this secret.
        func issued(_ bytes: [UInt8]) -> Bool {
            let expected = proof(of: Array(bytes.prefix(ClaimID.digestBytes)))
            // Compares all bytes, so that the time taken does not reveal where they differ.
            return zip(bytes.dropFirst(ClaimID.digestBytes), expected).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
        }
    }

    private let keys: Keys
    /// Of earlier secrets, whose ids are still recognized.
    private let former: [Keys]

    /// - Parameter secret: shared by all API processes. Its owner can issue ids.
    package init(secret: String) {
        self.init(secret: secret, former: [])
    }

    /// - Parameters:
    ///   - secret: issues ids.
    ///   - former: secrets that issued ids before, which are still recognized.
    package init(secret: String, former: [String]) {
        keys = Keys(secret)
        self.former = former.map(Keys.init)
    }

    /// Returns the id of a user's request with this key.
    package func id(user: UserID, key: IdempotencyKey) -> ClaimID {
        keys.id(user: user, key: key)
    }

    /// Returns the ids that the same request had with earlier secrets.
    package func formerIDs(user: UserID, key: IdempotencyKey) -> [ClaimID] {
        former.map { $0.id(user: user, key: key) }
    }

    /// Reads an id that a client sent.
    ///
    /// - Returns: nil unless the id was issued with one of the secrets.
    package func issued(_ text: String) -> ClaimID? {
        guard let id = ClaimID(text), let bytes = Base32Hex.decode(id.description) else { return nil }
        return keys.issued(bytes) || former.contains { $0.issued(bytes) } ? id : nil
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
        text.reserveCapacity(bytes.underestimatedCount * 8 / 5)
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

    package static func decode(_ text: String) -> [UInt8]? {
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
