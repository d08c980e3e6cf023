/// JSON that is written piece by piece, in UTF-8.
///
/// For the few answers and messages that are written thousands of times a second: a coder takes several times as long.
package struct JSONText: Sendable {
    /// The text so far.
    package private(set) var bytes: [UInt8] = []

    package init(reserving capacity: Int = 512) {
        bytes.reserveCapacity(capacity)
    }

    /// Appends text that is JSON already.
    package mutating func append(json: String) {
        bytes.append(contentsOf: json.utf8)
    }

    /// Appends a string in quotation marks.
    ///
    /// RFC 8259, section 7: quotation mark, backslash and control characters are escaped, everything else is UTF-8.
    package mutating func append(string text: String) {
        bytes.append(UInt8(ascii: "\""))
        if text.utf8.contains(where: Self.isEscaped) {
            for byte in text.utf8 { appendEscaped(byte) }
        } else {
            bytes.append(contentsOf: text.utf8)
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Appends a string, or `null`.
    package mutating func append(string text: String?) {
        if let text { append(string: text) } else { append(json: "null") }
    }

    private static func isEscaped(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private mutating func appendEscaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): append(json: #"\""#)
        case UInt8(ascii: "\\"): append(json: #"\\"#)
        case 0x0A: append(json: #"\n"#)
        case 0x0D: append(json: #"\r"#)
        case 0x09: append(json: #"\t"#)
        case 0..<0x20: append(json: "\\u00\(byte < 0x10 ? "0" : "")\(String(byte, radix: 16))")
        default: bytes.append(byte)
        }
    }
}
