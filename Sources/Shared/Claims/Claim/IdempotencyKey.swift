internal import RawStructuredFieldValues

/// The key by which a client marks a repeated request.
///
/// Follows draft-ietf-httpapi-idempotency-key-header: a bare token or a quoted string (RFC 8941, section 3.3.3).
/// `"k"` and `k` are the same key.
package struct IdempotencyKey: Hashable, Sendable {
    /// The longest key in characters, without its quotes.
    package static let maximumLength = 255

    /// The key without its quotes.
    package let value: String

    /// Reads the value of the header field.
    ///
    /// - Returns: nil if the key is empty or too long, or has a space outside of quotes or a character other than
    ///   printable ASCII.
    package init?(headerValue: String) {
        let written = headerValue.utf8.first == UInt8(ascii: "\"") ? Self.quoted(headerValue) : Self.bare(headerValue)
        guard let written, (1...Self.maximumLength).contains(written.utf8.count) else { return nil }
        value = written
    }

    private static func quoted(_ text: String) -> String? {
        var parser = StructuredFieldValueParser(Array(text.utf8))
        guard let item = try? parser.parseItemFieldValue(), item.rfc9651Parameters.count == 0,
            case .string(let key) = item.rfc9651BareItem
        else { return nil }
        return key
    }

    private static func bare(_ text: String) -> String? {
        text.utf8.allSatisfy { (0x21...0x7E).contains($0) } ? text : nil
    }
}
