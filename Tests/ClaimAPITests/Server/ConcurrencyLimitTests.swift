import Testing

@testable import ClaimAPI

@Suite struct ConcurrencyLimitTests {
    @Test func whatExceedsTheLimitIsRefused() {
        let limit = ConcurrencyLimit(2)
        #expect(limit.enter())
        #expect(limit.enter())
        #expect(!limit.enter())
        #expect(!limit.enter())
        limit.leave()
        #expect(limit.enter())
        #expect(!limit.enter())
    }

    @Test func manyTasksNeverExceedTheLimitAndLoseNoPlace() async {
        let limit = ConcurrencyLimit(3)
        await withTaskGroup { group in
            for _ in 0..<64 {
                group.addTask {
                    for _ in 0..<200 where limit.enter() {
                        await Task.yield()
                        limit.leave()
                    }
                }
            }
        }
        #expect((0..<4).map { _ in limit.enter() } == [true, true, true, false])
    }
}
