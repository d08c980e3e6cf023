import Foundation

/// Checks a text for what RFC 8259 forbids and Foundation's decoder accepts.
struct StrictJSON {
    /// Why the text is not JSON as it travels between systems; nil if these checks find nothing.
    ///
    /// The encoding must be UTF-8 without a byte order mark (section 8.1), and a list or an object must not end with a
    /// comma (sections 4 and 5). The decoder finds everything else.
    let violation: String?
    /// The number of commas outside of strings. No list has more elements than that plus one.
    let commas: Int

    init(_ data: Data) {
        // A text in UTF-16 or UTF-32 contains zero bytes, since its brackets and quotation marks do.
        guard data.withUnsafeBytes({ !$0.contains(0) }), !data.starts(with: [0xEF, 0xBB, 0xBF]),
            String(validating: data, as: UTF8.self) != nil
        else {
            violation = "the body must be JSON in UTF-8 without a byte order mark"
            commas = 0
            return
        }
        // Data's own iterator takes several times as long.
        let scan = data.withUnsafeBytes { bytes in
            var scan = CommaScan()
            for byte in bytes { scan.read(byte) }
            return scan
        }
        violation = scan.foundTrailing ? "the body is not valid JSON: a list or an object ends with a comma" : nil
        commas = scan.count
    }
}

/// Finds the commas of a text that are not part of a string.
private struct CommaScan {
    private(set) var count = 0
    /// Whether a bracket or brace closes directly behind a comma.
    private(set) var foundTrailing = false
    private var isInString = false
    private var isEscaped = false
    private var isAfterComma = false

    mutating func read(_ byte: UInt8) {
        if isInString {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isInString = false
            }
            return
        }
        switch byte {
        case 0x20, 0x09, 0x0A, 0x0D: return
        case UInt8(ascii: ","):
            isAfterComma = true
            count += 1
        default:
            if isAfterComma, byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}") { foundTrailing = true }
            isInString = byte == UInt8(ascii: "\"")
            isAfterComma = false
        }
    }
}
