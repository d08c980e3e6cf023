/// A moment in whole milliseconds since 1970, the precision at which every store keeps it.
///
/// One precision everywhere means that a claim's times read the same from Redis, from PostgreSQL and from a message.
package struct Timestamp: Hashable, Comparable, Sendable {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    package var milliseconds: Int64

    package init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// The seconds of an AMQP timestamp. What lies beyond all years is the last moment that can be told.
    package init(secondsClamped seconds: UInt64) {
        milliseconds = Int64(clamping: min(seconds, UInt64(Int64.max / 1000)) * 1000)
    }

    /// The wall clock's time.
    package static func now() -> Timestamp {
        Timestamp(milliseconds: WallClock.microseconds() / 1000)
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.milliseconds < right.milliseconds
    }

    /// The whole and fractional seconds from an earlier moment to this one; negative if it is a later one.
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
                in: container, debugDescription: "must be a time as in RFC 3339, like 2026-11-22T17:00:00Z")
        }
        self = timestamp
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
