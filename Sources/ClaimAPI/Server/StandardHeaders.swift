import Foundation
import HTTPTypes
import Synchronization

/// The headers that every answer carries, for the answers that do not come from a route.
final class StandardHeaders: Sendable {
    /// The value of `Server`.
    static let serverName = "claims"

    /// The preferred form of RFC 9110, section 5.6.7.
    private static let dateFormat = Date.VerbatimFormatStyle(
        format: """
            \(weekday: .abbreviated), \(day: .twoDigits) \(month: .abbreviated) \(year: .padded(4)) \
            \(hour: .twoDigits(clock: .twentyFourHour, hourCycle: .zeroBased)):\(minute: .twoDigits):\(second: .twoDigits) GMT
            """,
        locale: Locale(identifier: "en_US_POSIX"), timeZone: .gmt, calendar: Calendar(identifier: .gregorian))

    private let latest = Mutex<(second: Int, date: String)?>(nil)

    /// Returns `Date` and `Server`. The date is formatted once a second, because that takes longer than all the rest.
    func fields(at now: Date = .now) -> HTTPFields {
        let second = Int(now.timeIntervalSince1970.rounded(.down))
        let date = latest.withLock { latest in
            if let latest, latest.second == second { return latest.date }
            let date = now.formatted(Self.dateFormat)
            latest = (second, date)
            return date
        }
        return [.date: date, .server: Self.serverName]
    }
}
