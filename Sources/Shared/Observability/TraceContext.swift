/// The position of a span in a trace, as the W3C header `traceparent` carries it.
///
/// <https://www.w3.org/TR/trace-context/#traceparent-header>
package struct TraceContext: Hashable, Sendable {
    /// 16 bytes, not all zero.
    package struct TraceID: Hashable, Sendable, CustomStringConvertible {
        package let high: UInt64
        package let low: UInt64

        package init(high: UInt64, low: UInt64) {
            self.high = high
            self.low = low
        }

        /// 32 hexadecimal digits.
        package var description: String { TraceContext.hex(high) + TraceContext.hex(low) }
    }

    package let traceID: TraceID
    /// 8 bytes, not all zero.
    package let spanID: UInt64
    /// Whether the spans of the trace are recorded.
    package let isSampled: Bool

    package init(traceID: TraceID, spanID: UInt64, isSampled: Bool) {
        self.traceID = traceID
        self.spanID = spanID
        self.isSampled = isSampled
    }

    /// Parses the value of the header.
    ///
    /// - Returns: nil if the value is invalid. A later version than `00` may have more fields, which are ignored.
    package init?(traceparent: String) {
        let fields = traceparent.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard fields.prefix(4).map(\.count) == [2, 32, 16, 2],
            let version = Self.number(fields[0]), version != 0xff, version > 0 || fields.count == 4,
            let high = Self.number(fields[1].prefix(16)), let low = Self.number(fields[1].suffix(16)),
            let span = Self.number(fields[2]), let flags = Self.number(fields[3]), high != 0 || low != 0, span != 0
        else { return nil }
        self.init(traceID: TraceID(high: high, low: low), spanID: span, isSampled: flags & 1 == 1)
    }

    /// The value of the header.
    package var traceparent: String { "00-\(traceID)-\(Self.hex(spanID))-\(isSampled ? "01" : "00")" }

    /// Returns 16 hexadecimal digits.
    package static func hex(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Only lower case is valid.
    private static func number(_ digits: Substring.UTF8View.SubSequence) -> UInt64? {
        var number: UInt64 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return number
    }
}
