internal import RawStructuredFieldValues

/// The word by which a client says "this is the same request as before".
///
/// Follows draft-ietf-httpapi-idempotency-key-header: a bare token or a quoted string (RFC 8941, section 3.3.3).
/// `"k"` and `k` are the same key.
package struct IdempotencyKey: Hashable, Sendable {
    /// Longest key, in characters, without quotes.
    package static let maximumLength = 255

    /// The key without its quotes.
    package let value: String

    /// Reads the header field's value.
    ///
    /// - Returns: nil if it is empty, too long, holds a space outside of quotes or anything but printable ASCII.
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
