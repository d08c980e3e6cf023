/// The id of a claim, derived from the user and the idempotency key, with a proof that it was issued.
///
/// 25 bytes as 40 characters of base32hex (RFC 4648, section 7) in lower case:
///
/// | bytes | |
/// | --- | --- |
/// | 15 | digest: an HMAC of user and key |
/// | 1 | version, 2 |
/// | 1 | cell: reserved for several brokers and databases, 0 |
/// | 2 | day of issue: days since 1970-01-01 in UTC |
/// | 6 | proof: an HMAC of the bytes before it |
///
/// The digest alone identifies the claim: a request that is repeated on the next day has the same one. The proof reveals an
/// invented id without a look-up, and the day tells whether the claim may have been deleted since. In ids of the first
/// version the digest is followed by a proof of 10 bytes.
package struct ClaimID: Sendable, CustomStringConvertible {
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

    init(bytes: some Sequence<UInt8>) {
        description = Base32Hex.encode(bytes)
    }

    /// The characters that are derived from the user and the idempotency key. They identify the claim.
    package var digest: Substring { description.prefix(Self.digestLength) }

    /// The number of characters of the digest.
    package static let digestLength = digestBytes * 8 / 5

    static let digestBytes = 15
    private static let length = 40
}

extension ClaimID: Hashable {
    /// Returns whether both are ids of the same request. They may have been issued on different days.
    package static func == (left: ClaimID, right: ClaimID) -> Bool {
        left.digest == right.digest
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(digest)
    }
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
