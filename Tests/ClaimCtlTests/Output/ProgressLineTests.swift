import DeadLetters
import Testing

@testable import claimctl

@Suite struct ProgressLineTests {
    @Test func theLineShowsTheRateAndTheRemainingTime() {
        let text = ProgressLine.text(.init(.replaying, done: 50, total: 200), after: .seconds(10))
        #expect(text == "replayed 50 of 200, 5 per second, 30s left")
    }

    @Test func withoutARateTheRemainingTimeIsUnknown() {
        let text = ProgressLine.text(.init(.outcomes, done: 0, total: 200), after: .seconds(10))
        #expect(text == "outcomes known: 0 of 200, 0 per second")
        #expect(
            ProgressLine.text(.init(.exporting, done: 5, total: 9), after: .zero) == "exported 5 of 9, 0 per second")
    }
}
