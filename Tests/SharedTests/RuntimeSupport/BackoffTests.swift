import RuntimeSupport
import Testing

@Suite struct BackoffTests {
    @Test func aWaitIsFromHalfToAllOfTheDoublingStep() {
        for _ in 0..<200 {
            var backoff = Backoff(first: .milliseconds(100), longest: .seconds(100))
            for step in [100, 200, 400, 800, 1600] {
                let wait = backoff.next()
                #expect((.milliseconds(step / 2) ... .milliseconds(step)).contains(wait))
            }
        }
    }

    @Test func aWaitNeverExceedsTheLongest() {
        var backoff = Backoff(first: .milliseconds(100), longest: .seconds(1))
        for _ in 0..<4 { _ = backoff.next() }
        for _ in 0..<200 {
            #expect((.milliseconds(500) ... .seconds(1)).contains(backoff.next()))
        }
    }

    @Test func waitsHaveJitter() {
        let waits = (0..<20).map { _ in
            var backoff = Backoff()
            return backoff.next()
        }
        #expect(Set(waits).count > 1)
    }

    @Test func aResetRestartsWithTheFirstStep() {
        var backoff = Backoff(first: .milliseconds(100), longest: .seconds(100))
        for _ in 0..<10 { _ = backoff.next() }
        backoff.reset()
        #expect(backoff.next() <= .milliseconds(100))
    }
}
