/// Parses and formats RFC 3339 with integer arithmetic: exact to the millisecond in every year, and many times faster
/// than Foundation, which also accepts `2026-02-30` as March 2.
extension Timestamp: LosslessStringConvertible {
    private static let millisecondsPerDay: Int64 = 86_400_000
    /// Years 1 to 9999: the range that RFC 3339 can express and PostgreSQL can store.
    private static let supportedRange: Range<Int64> = -62_135_596_800_000..<253_402_300_800_000

    /// The time as RFC 3339 in UTC with milliseconds: `2026-11-22T17:27:34.123Z`.
    ///
    /// A time outside of the years 1 to 9999 is clamped to that range.
    package var description: String {
        let range = Self.supportedRange
        let milliseconds = min(max(milliseconds, range.lowerBound), range.upperBound - 1)
        var time = milliseconds % Self.millisecondsPerDay
        if time < 0 { time += Self.millisecondsPerDay }
        let (year, month, day) = Self.date(ofDay: (milliseconds - time) / Self.millisecondsPerDay)
        var text: [UInt8] = []
        text.reserveCapacity(24)
        func write(_ number: Int64, digits: Int, then separator: Unicode.Scalar) {
            var divisor: Int64 = 1
            for _ in 1..<digits { divisor *= 10 }
            while divisor > 0 {
                text.append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
                divisor /= 10
            }
            text.append(UInt8(ascii: separator))
        }
        write(year, digits: 4, then: "-")
        write(month, digits: 2, then: "-")
        write(day, digits: 2, then: "T")
        write(time / 3_600_000, digits: 2, then: ":")
        write(time / 60_000 % 60, digits: 2, then: ":")
        write(time / 1000 % 60, digits: 2, then: ".")
        write(time % 1000, digits: 3, then: "Z")
        return String(decoding: text, as: UTF8.self)
    }

    /// Parses RFC 3339, with or without a fraction and with any offset; nil if the text is not RFC 3339.
    ///
    /// A fraction is truncated to milliseconds. Second 60 is read as second 0 of the next minute.
    package init?(_ text: String) {
        guard text.utf8.count <= 40 else { return nil }
        var rest = Array(text.utf8)[...]
        /// Consumes a number of exactly `digits` digits and, unless `separators` is empty, one of the separators.
        func number(_ digits: Int, in range: ClosedRange<Int64>, then separators: String = "") -> Int64? {
            guard rest.count >= digits, rest.prefix(digits).allSatisfy(Self.isDigit) else { return nil }
            let value = rest.prefix(digits).reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
            rest.removeFirst(digits)
            guard range.contains(value) else { return nil }
            if separators.isEmpty { return value }
            guard let separator = rest.popFirst(), separators.utf8.contains(separator) else { return nil }
            return value
        }
        guard let year = number(4, in: 0...9999, then: "-"), let month = number(2, in: 1...12, then: "-"),
            let day = number(2, in: 1...31, then: "Tt"), let hour = number(2, in: 0...23, then: ":"),
            let minute = number(2, in: 0...59, then: ":"), let second = number(2, in: 0...60),
            Self.date(ofDay: Self.dayNumber(year, month, day)) == (year, month, day)
        else { return nil }

        var fraction: Int64 = 0
        if rest.first == UInt8(ascii: ".") {
            let digits = rest.dropFirst().prefix(while: Self.isDigit)
            guard !digits.isEmpty else { return nil }
            rest.removeFirst(1 + digits.count)
            for index in 0..<3 {
                let digit = index < digits.count ? digits[digits.startIndex + index] : UInt8(ascii: "0")
                fraction = fraction * 10 + Int64(digit - UInt8(ascii: "0"))
            }
        }
        var offset: Int64 = 0
        switch rest.popFirst() {
        case UInt8(ascii: "Z"), UInt8(ascii: "z"): break
        case .some(let sign) where sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"):
            guard let hours = number(2, in: 0...23, then: ":"), let minutes = number(2, in: 0...59) else { return nil }
            offset = (hours * 60 + minutes) * (sign == UInt8(ascii: "+") ? 1 : -1)
        default: return nil
        }
        let seconds = (hour * 60 + minute - offset) * 60 + second
        let milliseconds = Self.dayNumber(year, month, day) * Self.millisecondsPerDay + seconds * 1000 + fraction
        guard rest.isEmpty, Self.supportedRange.contains(milliseconds) else { return nil }
        self.init(milliseconds: milliseconds)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    /// Returns the days since 1970-01-01 in the Gregorian calendar. A year is counted from March, so that the leap day is
    /// its last day.
    ///
    /// <https://howardhinnant.github.io/date_algorithms.html#days_from_civil>
    private static func dayNumber(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// Returns the date of a day number; the inverse of ``dayNumber(_:_:_:)``.
    private static func date(ofDay day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let day = day + 719_468
        let era = (day >= 0 ? day : day - 146_096) / 146_097
        let dayOfEra = day - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }
}
