import RuntimeSupport
import Testing

@Suite struct TimeSpanTests {
    @Test(arguments: [
        ("0s", 0), ("90s", 90), ("15m", 900), ("1h", 3600), ("2d", 172_800), ("1h30m", 5400), ("1d2h3m4s", 93_784),
        ("007m", 420), ("1000000000s", 1_000_000_000),
    ])
    func aTimeSpanIsReadInSeconds(_ text: String, _ seconds: Int) {
        #expect(TimeSpan.seconds(text) == seconds)
    }

    @Test(arguments: [
        "", " ", "1", "h", "1x", "-1h", "+1h", "1.5h", "1,5h", "1 h", " 1h", "1h ", "1h30", "1H", "1hh", "h1", "1h-5m",
        "١h", "１h", "1000000001s", "99999999999999999999d", "1ms", "1h\n", "now",
    ])
    func anythingElseIsNotATimeSpan(_ text: String) {
        #expect(TimeSpan.seconds(text) == nil)
    }

    @Test(arguments: [
        (0, "0s"), (1, "1s"), (59, "59s"), (60, "1m"), (61, "1m1s"), (725, "12m5s"), (3600, "1h"), (3601, "1h"),
        (86_399, "23h59m"), (86_400, "1d"), (86_401, "1d"), (90_000, "1d1h"), (273_659, "3d4h"), (-5, "0s"),
    ])
    func aTimeSpanIsWrittenInItsTwoLargestUnits(_ seconds: Int, _ text: String) {
        #expect(TimeSpan.text(seconds) == text)
    }

    @Test func theWrittenFormIsRoundedDown() throws {
        for seconds in stride(from: 0, to: 500_000, by: 997) {
            let read = try #require(TimeSpan.seconds(TimeSpan.text(seconds)))
            #expect(read <= seconds)
            #expect(seconds - read < max(60, seconds / 24))
        }
    }

    @Test func noSumIsLongerThanTheLongestDuration() {
        #expect(TimeSpan.seconds("1000000000d") == 86_400_000_000_000)
        #expect(TimeSpan.seconds("1000000000d1s") == nil)
        #expect(TimeSpan.seconds(String(repeating: "1000000000d", count: 200_000)) == nil)
    }
}
