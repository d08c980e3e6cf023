import RuntimeSupport
import Testing

@Suite struct DurationUnitsTests {
    @Test(
        arguments: [
            (.zero, 0), (.milliseconds(1), 1), (.nanoseconds(1), 1), (.microseconds(1500), 2), (.seconds(2), 2000),
            (.seconds(-5), 0), (.seconds(1 << 40), .max),
        ] as [(Duration, Int32)])
    func millisecondsAreRoundedUpAndClamped(_ duration: Duration, _ milliseconds: Int32) {
        #expect(duration.wholeMilliseconds == milliseconds)
    }

    @Test func secondsIncludeTheFraction() {
        #expect(Duration.milliseconds(1500).inSeconds == 1.5)
        #expect(Duration.milliseconds(-250).inSeconds == -0.25)
    }
}
