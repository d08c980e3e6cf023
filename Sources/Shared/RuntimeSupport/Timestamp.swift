/// A time in whole milliseconds since 1970, the precision that every store uses.
///
/// With one precision everywhere, a time is the same whether it is read from Redis, PostgreSQL or a message.
package struct Timestamp: Hashable, Comparable, Sendable {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    package var milliseconds: Int64

    package init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// Converts an AMQP timestamp, in seconds since 1970. Values out of range are clamped.
    package init(secondsClamped seconds: UInt64) {
        milliseconds = Int64(clamping: min(seconds, UInt64(Int64.max / 1000)) * 1000)
    }

    /// Returns the current wall-clock time.
    package static func now() -> Timestamp {
        Timestamp(milliseconds: WallClock.microseconds() / 1000)
    }

    /// The day in UTC, in days since 1970-01-01.
    package var day: Int {
        let (days, rest) = milliseconds.quotientAndRemainder(dividingBy: 86_400_000)
        return Int(days) - (rest < 0 ? 1 : 0)
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.milliseconds < right.milliseconds
    }

    /// Returns the seconds since another time, including the fraction; negative if the other time is later.
    package func seconds(since earlier: Timestamp) -> Double {
        Double(milliseconds - earlier.milliseconds) / 1000
    }
}

extension Timestamp: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let timestamp = Timestamp(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "must be an RFC 3339 time such as 2026-11-22T17:00:00Z")
        }
        self = timestamp
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
