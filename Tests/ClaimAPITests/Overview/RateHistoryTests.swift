import Claims
import RuntimeSupport
import Testing

@testable import ClaimAPI

@Suite struct RateHistoryTests {
    private func counters(_ accepted: Int64, _ decided: Int64) -> LaneQueue.Counters {
        LaneQueue.Counters(accepted: accepted, decided: decided)
    }

    private func at(_ seconds: Double) -> Timestamp { Timestamp(milliseconds: Int64(seconds * 1000)) }

    @Test func theFirstSampleHasNoRate() {
        var history = RateHistory()
        history.add([counters(10, 5)], at: at(1))
        #expect(history.samples == [.init(at: at(1), accepted: nil, decided: nil)])
    }

    @Test func aRateIsTheRiseOfAllLanesPerSecond() {
        var history = RateHistory()
        history.add([counters(10, 5), counters(0, 0)], at: at(1))
        history.add([counters(30, 15), counters(4, 2)], at: at(3))
        #expect(history.samples.last == .init(at: at(3), accepted: 12, decided: 6))
    }

    @Test func countersThatFellCountNothing() {
        var history = RateHistory()
        history.add([counters(10, 5)], at: at(1))
        history.add([counters(3, 1)], at: at(2))
        #expect(history.samples.last == .init(at: at(2), accepted: 0, decided: 0))
        history.add([nil], at: at(3))
        #expect(history.samples.last == .init(at: at(3), accepted: 0, decided: 0))
        history.add([counters(2, 1)], at: at(4))
        #expect(history.samples.last == .init(at: at(4), accepted: 2, decided: 1))
    }

    @Test func anOutageLeavesAGap() {
        var history = RateHistory()
        history.add([counters(10, 5)], at: at(1))
        history.add(nil, at: at(2))
        history.add([counters(20, 9)], at: at(3))
        #expect(history.samples.dropFirst().allSatisfy { $0.accepted == nil })
        history.add([counters(21, 9)], at: at(4))
        #expect(history.samples.last?.accepted == 1)
    }

    @Test func onlyTheLastMinutesAreKept() {
        var history = RateHistory()
        for second in 0..<400 { history.add([counters(Int64(second), 0)], at: at(Double(second))) }
        #expect(history.samples.count == RateHistory.length)
        #expect(history.samples.first?.at == at(100))
    }
}
