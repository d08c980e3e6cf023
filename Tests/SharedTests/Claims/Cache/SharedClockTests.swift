import Claims
import Testing

@Suite struct SharedClockTests {
    @Test func theOffsetIsMeasuredFromTheMiddleOfTheRoundTrip() {
        let clock = SharedClock(time: 5_000_000, before: 1_000_000, after: 1_000_400)
        #expect(clock.offset == 3_999_800)
        #expect(clock.error == 200)
    }

    @Test func aClockThatIsBehindHasANegativeOffset() {
        #expect(SharedClock(time: 1_000_000, before: 3_000_000, after: 3_000_000).offset == -2_000_000)
    }
}
