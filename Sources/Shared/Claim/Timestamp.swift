internal import Foundation

/// A moment in whole milliseconds since 1970, the precision at which every store keeps it.
///
/// One precision everywhere means that a claim's times read the same from Redis, from PostgreSQL and from a message.
package struct Timestamp: Hashable, Comparable, Sendable {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    package var milliseconds: Int64

    package init(milliseconds: Int64) {
        self.milliseconds = milliseconds
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

extension Timestamp: LosslessStringConvertible {
    private static let withFraction = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    private static let withoutFraction = Date.ISO8601FormatStyle()

    /// RFC 3339 in UTC with milliseconds: `2026-11-22T17:27:34.123Z`.
    package var description: String {
        // A hundredth of a millisecond keeps the binary fraction from being cut to the millisecond before.
        Date(timeIntervalSince1970: Double(milliseconds) / 1000 + 0.00001).formatted(Self.withFraction)
    }

    /// Years 1 to 9999, in seconds since 1970: what RFC 3339 can write and PostgreSQL can keep.
    private static let seconds = -62_135_596_800.0..<253_402_300_800.0

    /// Reads RFC 3339 with or without a fraction and with any offset; nil if it is something else.
    package init?(_ text: String) {
        guard text.utf8.count <= 40,
            let date = (try? Self.withFraction.parse(text)) ?? (try? Self.withoutFraction.parse(text)),
            Self.seconds.contains(date.timeIntervalSince1970)
        else { return nil }
        self.init(milliseconds: Int64((date.timeIntervalSince1970 * 1000).rounded()))
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

/// The system's real-time clock.
package enum WallClock {
    /// Microseconds since 1970-01-01T00:00:00Z.
    package static func microseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}
