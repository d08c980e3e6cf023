/// The id of a user, chosen by the client and never changed.
package struct UserID: Hashable, Sendable, CustomStringConvertible {
    /// The longest id in characters (Unicode scalars).
    package static let maximumLength = 128

    /// The id as the client wrote it.
    package let description: String

    /// - Returns: nil if the id is empty, too long or has a control character.
    package init?(_ written: String) {
        guard (1...Self.maximumLength).contains(written.unicodeScalars.count), !written.hasControlCharacter else {
            return nil
        }
        description = written
    }
}

extension UserID: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let id = UserID(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: Self.rule)
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// The rule for ids, for error messages.
    package static let rule = "must be 1 to \(maximumLength) characters without control characters"
}
