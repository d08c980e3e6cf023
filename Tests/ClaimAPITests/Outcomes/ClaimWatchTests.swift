import Claims
import Synchronization
import Testing

@testable import ClaimAPI

private final class Counter: Sendable {
    private let value = Mutex(0)
    var count: Int { value.withLock { $0 } }
    func increment() { value.withLock { $0 += 1 } }
}

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
        async let woken = watch.next(atMost: ever)
        watch.change()
        _ = await woken
    }

    @Test(arguments: 0..<50) func nobodyIsWokenBeforeTheChange(_ round: Int) async {
        let watch = ClaimWatch { _ in }
        let wakings = Counter()
        async let woken: Void = {
            await watch.next(atMost: .seconds(90))
            wakings.increment()
        }()
        for _ in 0..<10 { await Task.yield() }
        #expect(wakings.count == 0)
        watch.change()
        _ = await woken
    }

    @Test func everyChangeWakesAgain() async {
        let watch = ClaimWatch { _ in }
        for _ in 0..<1000 {
            async let woken = watch.next(atMost: ever)
            watch.change()
            _ = await woken
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

extension ClaimWatchTests {
    private func claim(_ attempts: Int) throws -> Claim {
        Claim(id: try #require(ClaimID(String(repeating: "0", count: 40))), attempts: attempts)
    }

    @Test func whatSomebodyElseHasLookedUpIsTold() async throws {
        let watch = ClaimWatch { _ in }
        watch.send(try claim(1), asOf: watch.changes)
        #expect(await watch.next() == .found(try claim(1)))
        async let later = watch.next()
        watch.send(nil, asOf: watch.changes)
        #expect(await later == .nothing)
    }

    @Test func aLookFromBeforeAChangeIsNotTold() async throws {
        let watch = ClaimWatch { _ in }
        let before = watch.changes
        watch.change()
        watch.send(try claim(1), asOf: before)
        #expect(await watch.next() == .changed)
        watch.send(try claim(1), asOf: before)
        watch.send(try claim(2), asOf: watch.changes)
        #expect(await watch.next() == .found(try claim(2)))
    }

    @Test func aChangeGoesBeforeWhatWasLookedUp() async throws {
        let watch = ClaimWatch { _ in }
        watch.send(try claim(1), asOf: watch.changes)
        watch.change()
        #expect(await watch.next() == .changed)
    }

    @Test func whoeverWaitsIsLetGoWhenTheClientLeaves() async {
        let watch = ClaimWatch { _ in }
        async let word = watch.next()
        watch.leave()
        #expect(await word == .nothing)
        #expect(watch.isOver)
    }
}
