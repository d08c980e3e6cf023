import RuntimeSupport
import Testing

@Suite struct LoopWatchTests {
    private let start = ContinuousClock.now

    @Test func aLoopIsStalledAfterItsLimit() {
        let watch = LoopWatch("lane 3", limit: .seconds(10), now: start)
        #expect(watch.stall(at: start + .seconds(10)) == nil)
        #expect(watch.stall(at: start + .seconds(11)) == "lane 3 has made no progress for 11 s")
    }

    @Test func aRoundStartsTheTimeAgain() {
        let watch = LoopWatch("lane 3", limit: .seconds(10), now: start)
        watch.beat(at: start + .seconds(9))
        #expect(watch.stall(at: start + .seconds(19)) == nil)
        #expect(watch.stall(at: start + .seconds(20)) != nil)
    }

    @Test func aLoopThatHasEndedIsNotStalled() {
        let watch = LoopWatch("lane 3", limit: .seconds(10), now: start)
        watch.end()
        #expect(watch.stall(at: start + .seconds(60)) == nil)
    }
}
