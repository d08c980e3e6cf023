/// The name of a coupon in normal form: `A`–`Z`, `0`–`9` and single underscores between them.
package struct CouponName: Hashable, Sendable, CustomStringConvertible {
    /// The longest name in characters (Unicode scalars), before it is normalised.
    package static let maximumLength = 64

    /// The normalised name, for example `FLASH_SALE`.
    package let description: String

    /// Normalises a name: `flash sale!` becomes `FLASH_SALE`.
    ///
    /// ASCII letters become upper case. Each run of characters other than letters and digits becomes one underscore, and
    /// none is kept at the ends.
    /// - Returns: nil if the name is too long, has a control character, or has no ASCII letter or digit.
    package init?(_ written: String) {
        guard (1...Self.maximumLength).contains(written.unicodeScalars.count), !written.hasControlCharacter else {
            return nil
        }
        var normal: [UInt8] = []
        normal.reserveCapacity(written.utf8.count)
        var gap = false
        for byte in written.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                if gap && !normal.isEmpty { normal.append(UInt8(ascii: "_")) }
                gap = false
                normal.append(byte >= UInt8(ascii: "a") ? byte - 0x20 : byte)
            default:
                gap = true
            }
        }
        guard !normal.isEmpty else { return nil }
        description = String(decoding: normal, as: UTF8.self)
    }

    /// Returns the lane of all claims of this coupon.
    ///
    /// The hash is FNV-1a, because it must be the same in every process and every version.
    /// - Parameter lanes: the number of lanes, at least one.
    package func lane(of lanes: Int) -> Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in description.utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        return Int(hash % UInt64(lanes))
    }
}

extension CouponName: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let name = CouponName(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: Self.rule)
        }
        self = name
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// The rule for names, for error messages.
    package static let rule =
        "must be 1 to \(maximumLength) characters with an ASCII letter or digit and no control characters"
}
