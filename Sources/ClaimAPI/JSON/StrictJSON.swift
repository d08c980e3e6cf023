import Foundation

/// Checks a text for what RFC 8259 forbids and Foundation's decoder accepts.
enum StrictJSON {
    /// Returns why the text is not JSON as it travels between systems; nil if these checks find nothing.
    ///
    /// The encoding must be UTF-8 without a byte order mark (section 8.1), and a list or an object must not end with a
    /// comma (sections 4 and 5). The decoder finds everything else.
    static func violation(in data: Data) -> String? {
        // A text in UTF-16 or UTF-32 contains zero bytes, since its brackets and quotation marks do.
        if data.contains(0) || data.starts(with: [0xEF, 0xBB, 0xBF]) || data.starts(with: [0xFE, 0xFF])
            || data.starts(with: [0xFF, 0xFE]) || String(validating: data, as: UTF8.self) == nil
        {
            return "the body must be JSON in UTF-8 without a byte order mark"
        }
        return hasTrailingComma(data) ? "the body is not valid JSON: a list or an object ends with a comma" : nil
    }

    private static func hasTrailingComma(_ data: Data) -> Bool {
        var isInString = false
        var isEscaped = false
        var isAfterComma = false
        for byte in data {
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
                continue
            }
            switch byte {
            case 0x20, 0x09, 0x0A, 0x0D: continue
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                if isAfterComma { return true }
                isAfterComma = false
            case UInt8(ascii: ","): isAfterComma = true
            default:
                isInString = byte == UInt8(ascii: "\"")
                isAfterComma = false
            }
        }
        return false
    }
}
