import Foundation
import RuntimeSupport
import SeededRandom
import Testing

@Suite struct TimestampTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (1, "1970-01-01T00:00:00.001Z"), (999, "1970-01-01T00:00:00.999Z"),
        (1_795_368_454_123, "2026-11-22T17:27:34.123Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (4_102_444_799_999, "2099-12-31T23:59:59.999Z"), (-1, "1969-12-31T23:59:59.999Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ])
    func aTimeIsFormattedInUTCWithMilliseconds(_ milliseconds: Int64, _ text: String) {
        #expect(Timestamp(milliseconds: milliseconds).description == text)
    }

    @Test(arguments: [
        ("2026-11-22T17:27:34.123Z", 1_795_368_454_123), ("2026-11-22T17:27:34Z", 1_795_368_454_000),
        ("2026-11-22T19:27:34.123+02:00", 1_795_368_454_123), ("2026-11-22T19:27:34+02:00", 1_795_368_454_000),
        ("2026-11-22T11:57:34.123-05:30", 1_795_368_454_123), ("2026-11-22T17:27:34-00:00", 1_795_368_454_000),
        ("2026-11-22T17:27:34.1Z", 1_795_368_454_100), ("2026-11-22T17:27:34.123456Z", 1_795_368_454_123),
        ("2026-11-22T17:27:34.123456789Z", 1_795_368_454_123), ("2024-02-29T00:00:00Z", 1_709_164_800_000),
        ("9999-12-31T23:59:59.999Z", 253_402_300_799_999), ("0001-01-01T00:00:00Z", -62_135_596_800_000),
    ])
    func anyOffsetAndFractionIsParsed(_ text: String, _ milliseconds: Int64) {
        #expect(Timestamp(text)?.milliseconds == milliseconds)
    }

    /// RFC 3339, section 5.6: "T" and "Z" may be lower case.
    @Test func lowerCaseLettersAreParsed() {
        #expect(Timestamp("2026-11-22t17:27:34z")?.milliseconds == 1_795_368_454_000)
    }

    @Test(arguments: [
        "", "now", "2026-11-22", "2026-11-22T17:27:34", "2026-11-22 17:27:34", "17:27:34Z", "1795368454123",
        "2026-13-01T00:00:00Z", "2026-00-10T00:00:00Z", "2026-02-30T00:00:00Z", "2026-02-29T00:00:00Z",
        "2026-11-32T00:00:00Z", "2026-11-22T24:00:01Z", "2026-11-22T17:60:00Z", "2026-11-22T17:27:61Z",
        "2026-11-22T17:27:34Z tomorrow", "2026-11-22T17:27:34ZZ", " 2026-11-22T17:27:34Z", "26-11-22T17:27:34Z",
        "2026-11-22T17:27:34+2", "2026-11-22T17:27Z",
        "0000-12-31T23:59:59Z", "9999-12-31T23:59:59-01:00", "2026-11-22T17:27:34+25:00",
    ])
    func invalidTextIsRejected(_ text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test func aLeapSecondIsReadAsTheNextMinute() {
        #expect(Timestamp("2016-12-31T23:59:60Z")?.description == "2017-01-01T00:00:00.000Z")
    }

    @Test func everyDayOfFourCenturiesIsParsedAndFormatted() {
        let calendar = (1900...2300).flatMap { year in
            (1...12).flatMap { month in
                (1...31).compactMap { String(format: "%04d-%02d-%02dT12:00:00.000Z", year, month, $0) }
            }
        }
        let days = calendar.compactMap { Timestamp($0) }
        // 401 years, 98 of them leap years.
        #expect(days.count == 401 * 365 + 97)
        #expect(zip(days, days.dropFirst()).allSatisfy { $1.milliseconds - $0.milliseconds == 86_400_000 })
        #expect(days.map(\.description) == calendar.filter { Timestamp($0) != nil })
    }

    @Test func aFormattedTimeIsParsedAsTheSameTime() {
        var random = SeededGenerator(seed: 3)
        // From the year 1 to the end of the year 9999.
        let times = (0..<5000).map { _ in
            Timestamp(milliseconds: Int64.random(in: -62_135_596_800_000...253_402_300_799_999, using: &random))
        }
        let wrong = times.first { Timestamp($0.description) != $0 }
        #expect(wrong == nil, "\(wrong?.milliseconds ?? 0) ms is formatted as \(wrong?.description ?? "")")
    }

    @Test func aTimeOutOfRangeIsClamped() {
        #expect(Timestamp(milliseconds: .min).description == "0001-01-01T00:00:00.000Z")
        #expect(Timestamp(milliseconds: .max).description == "9999-12-31T23:59:59.999Z")
    }

    @Test func everyMillisecondIsFormatted() {
        for millisecond in 0..<1000 {
            let text = Timestamp(milliseconds: 1_795_368_454_000 + Int64(millisecond)).description
            #expect(text == "2026-11-22T17:27:34.\(String(1000 + millisecond).dropFirst())Z")
        }
    }

    @Test func textsHaveTheOrderOfTheirTimes() {
        var random = SeededGenerator(seed: 4)
        let times = (0..<500).map { _ in
            Timestamp(milliseconds: Int64.random(in: 0...4_102_444_799_999, using: &random))
        }
        #expect(times.sorted().map(\.description) == times.map(\.description).sorted())
        #expect(Timestamp(milliseconds: 1) < Timestamp(milliseconds: 2))
    }

    @Test func aDifferenceIsInSeconds() {
        let start = Timestamp(milliseconds: 1_795_368_454_123)
        #expect(Timestamp(milliseconds: 1_795_368_455_623).seconds(since: start) == 1.5)
        #expect(start.seconds(since: Timestamp(milliseconds: 1_795_368_455_623)) == -1.5)
    }

    @Test func aTimeIsEncodedAsRFC3339() throws {
        let times = [Timestamp(milliseconds: 1_795_368_454_123)]
        let json = try JSONEncoder().encode(times)
        #expect(String(decoding: json, as: UTF8.self) == #"["2026-11-22T17:27:34.123Z"]"#)
        #expect(try JSONDecoder().decode([Timestamp].self, from: json) == times)
    }
}
