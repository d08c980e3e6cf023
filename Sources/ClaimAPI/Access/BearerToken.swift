import HTTPTypes

/// The token of an `Authorization: Bearer` field (RFC 6750, section 2.1).
enum BearerToken {
    /// The longest token in bytes.
    static let longest = 8192

    /// Returns the token; nil if the field is missing or has another form.
    static func read(_ fields: HTTPFields) -> Substring? {
        guard let field = fields[.authorization], field.utf8.count <= longest else { return nil }
        let bytes = field.utf8
        // Compared bytewise, because this is done for each request.
        guard bytes.count > scheme.count, bytes.prefix(scheme.count).elementsEqual(scheme, by: { $0 | 0x20 == $1 })
        else { return nil }
        let token = field[bytes.index(bytes.startIndex, offsetBy: scheme.count)...]
        return token.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ",") } ? token : nil
    }

    /// In lower case. The space is the same with and without the bit that makes a letter lower-case.
    private static let scheme = Array("bearer ".utf8)
}
