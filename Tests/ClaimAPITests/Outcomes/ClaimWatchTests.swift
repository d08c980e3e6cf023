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
    /// Longer than the time limit of the suite, so that a wait that nothing ends fails the test.
    private static let longWait = Duration.seconds(90)

    @Test func aChangeBeforeTheWaitEndsItAtOnce() async {
        let watch = ClaimWatch { _ in }
        watch.notify()
        await watch.next(atMost: Self.longWait)
    }

    @Test func aChangeEndsTheWait() async {
        let watch = ClaimWatch { _ in }
        async let woken = watch.next(atMost: Self.longWait)
        watch.notify()
        _ = await woken
    }

    @Test(arguments: 0..<50) func noWaitEndsBeforeTheChange(_ round: Int) async {
        let watch = ClaimWatch { _ in }
        let wakings = Counter()
        async let woken: Void = {
            await watch.next(atMost: Self.longWait)
            wakings.increment()
        }()
        for _ in 0..<10 { await Task.yield() }
        #expect(wakings.count == 0)
        watch.notify()
        _ = await woken
    }

    @Test func everyChangeEndsAWait() async {
        let watch = ClaimWatch { _ in }
        for _ in 0..<1000 {
            async let woken = watch.next(atMost: Self.longWait)
            watch.notify()
            _ = await woken
        }
    }

    @Test func aWaitWithoutAChangeEndsWhenItsTimeIsUp() async {
        let watch = ClaimWatch { _ in }
        await watch.next(atMost: .milliseconds(1))
        #expect(!watch.isClosed)
    }

    @Test func cancellationEndsTheWait() async {
        let watch = ClaimWatch { _ in }
        let waiting = Task {
            await watch.next(atMost: Self.longWait)
            return watch.isClosed
        }
        waiting.cancel()
        #expect(await waiting.value)
    }

    @Test func endingAWatchCallsItsHandler() async {
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

    @Test func aLoadedClaimIsDelivered() async throws {
        let watch = ClaimWatch { _ in }
        watch.deliver(try claim(1), asOf: watch.changes)
        #expect(await watch.next() == .loaded(try claim(1)))
        async let later = watch.next()
        watch.deliver(nil, asOf: watch.changes)
        #expect(await later == .unchanged)
    }

    @Test func aClaimThatWasLoadedBeforeAChangeIsNotDelivered() async throws {
        let watch = ClaimWatch { _ in }
        let before = watch.changes
        watch.notify()
        watch.deliver(try claim(1), asOf: before)
        #expect(await watch.next() == .changed)
        watch.deliver(try claim(1), asOf: before)
        watch.deliver(try claim(2), asOf: watch.changes)
        #expect(await watch.next() == .loaded(try claim(2)))
    }

    @Test func aChangeReplacesALoadedClaim() async throws {
        let watch = ClaimWatch { _ in }
        watch.deliver(try claim(1), asOf: watch.changes)
        watch.notify()
        #expect(await watch.next() == .changed)
    }

    @Test func closingEndsTheWait() async {
        let watch = ClaimWatch { _ in }
        async let update = watch.next()
        watch.close()
        #expect(await update == .unchanged)
        #expect(watch.isClosed)
    }
}
