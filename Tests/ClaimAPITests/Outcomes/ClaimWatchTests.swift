import Shared
import Testing

@testable import ClaimAPI

@Suite(.timeLimit(.minutes(1))) struct ClaimWatchTests {
    /// Longer than the time limit: a wait that nothing ends fails.
    private let ever = Duration.seconds(90)

    @Test func aChangeBeforeTheWaitEndsItAtOnce() async {
        let watch = ClaimWatch { _ in }
        watch.change()
        await watch.next(atMost: ever)
    }

    @Test func whoWaitsIsWokenByAChange() async {
        let watch = ClaimWatch { _ in }
        async let woken: Void = watch.next(atMost: ever)
        watch.change()
        await woken
    }

    @Test func everyChangeWakesAgain() async {
        let watch = ClaimWatch { _ in }
        for _ in 0..<1000 {
            async let woken: Void = watch.next(atMost: ever)
            watch.change()
            await woken
        }
    }

    @Test func aWaitWithoutAChangeEndsWithItsTime() async {
        let watch = ClaimWatch { _ in }
        await watch.next(atMost: .milliseconds(1))
        #expect(!watch.isOver)
    }

    @Test func aClientThatGoesAwayWaitsNoLonger() async {
        let watch = ClaimWatch { _ in }
        let waiting = Task {
            await watch.next(atMost: .seconds(90))
            return watch.isOver
        }
        waiting.cancel()
        #expect(await waiting.value)
    }

    @Test func whoEndsAWatchIsToldWhichItIs() async {
        await confirmation { ended in
            let watch = ClaimWatch { _ in ended() }
            watch.end()
        }
    }
}
