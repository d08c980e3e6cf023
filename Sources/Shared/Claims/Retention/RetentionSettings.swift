package import RuntimeSupport
package import Settings

/// How long finished claims are kept.
package struct RetentionSettings: Hashable, Sendable {
    /// Days from the end of a coupon, and from the decision of a claim, until the claim is archived; nil for no end.
    package var days: Int?
    /// Days that archived claims are kept.
    package var archiveDays: Int

    package static let retentionDays = Setting(
        "CLAIMS_RETENTION_DAYS", defaultValue: "off",
        help: "Days after a coupon's end until its claims are archived, from 2, or off; the same for all programs")
    package static let archiveDaysSetting = Setting(
        "CLAIMS_ARCHIVE_DAYS", defaultValue: "30", help: "Days until archived claims are deleted")

    package init(days: Int?, archiveDays: Int = 30) {
        self.days = days
        self.archiveDays = archiveDays
    }

    package init(_ reader: SettingReader) throws(SettingError) {
        days = try Self.days(reader)
        archiveDays = try reader.integer(Self.archiveDaysSetting, in: 0...36_500)
    }

    /// Reads only `CLAIMS_RETENTION_DAYS`. The minimum is 2, because Redis remembers a claim for up to 25 hours.
    package static func days(_ reader: SettingReader) throws(SettingError) -> Int? {
        try reader.value(retentionDays, mustBe: "off or a whole number from 2 to 36500") { text -> Int?? in
            if text == "off" { return .some(nil) }
            return Int(text).flatMap { (2...36_500).contains($0) ? .some($0) : nil }
        }
    }

    /// Returns whether a claim without a row in any store has been archived.
    ///
    /// - Parameter day: the day on which its id was issued, in days since 1970; nil if the id does not carry it.
    package func isGone(issuedOn day: Int?, at now: Timestamp) -> Bool {
        guard let days, let day else { return false }
        return day + days < now.day
    }
}
