import Claims
import RuntimeSupport
import Testing

@testable import ClaimWorker

@Suite struct LaneBalancerTests {
    /// A worker that has subscribed to the lanes at these times.
    private func worker(_ id: String, _ times: Int64...) -> WorkerStatus {
        WorkerStatus(
            id: id, name: "w", startedAt: Timestamp(milliseconds: 0),
            subscribedSince: Dictionary(uniqueKeysWithValues: times.enumerated().map { ($0, $1) }))
    }

    @Test func aLoneWorkerKeepsAllLanes() {
        #expect(LaneBalancer(living: [worker("a", 1, 2, 3)], lanes: 3).lanesToLeave("a").isEmpty)
    }

    @Test func aSecondWorkerIsGivenHalfOfTheLanes() {
        let spread = LaneBalancer(living: [worker("a", 1, 1, 1, 1), worker("b", 2, 2, 2, 2)], lanes: 4)
        #expect(spread.lanesToLeave("a") == [2, 3])
        #expect(spread.lanesToLeave("b").isEmpty)
    }

    @Test func theGreaterShareStaysWithWhoHasIt() {
        let spread = LaneBalancer(living: [worker("b", 1, 1, 1), worker("a", 2, 2, 2)], lanes: 3)
        #expect(spread.lanesToLeave("b") == [2])
    }

    @Test func everybodyBeforeTheNewOwnerStepsBehindIt() {
        // Lane 0 is a's and lanes 1 and 2 are b's; c, last in every line, is to get one of b's.
        let living = [worker("a", 1, 2, 2), worker("b", 2, 1, 1), worker("c", 3, 3, 3)]
        let spread = LaneBalancer(living: living, lanes: 3)
        #expect(spread.lanesToLeave("a") == [2])
        #expect(spread.lanesToLeave("b") == [2])
        #expect(spread.lanesToLeave("c").isEmpty)
    }

    @Test func anEvenSpreadIsLeftAlone() {
        let spread = LaneBalancer(living: [worker("a", 1, 1, 2, 2), worker("b", 2, 2, 1, 1)], lanes: 4)
        #expect(spread.lanesToLeave("a").isEmpty)
        #expect(spread.lanesToLeave("b").isEmpty)
    }

    @Test func whoHasNotSubscribedToAllLanesYetDoesNotCount() {
        let spread = LaneBalancer(living: [worker("a", 1, 1, 1, 1), worker("b", 2, 2, 2)], lanes: 4)
        #expect(spread.lanesToLeave("a").isEmpty)
        #expect(spread.lanesToLeave("b").isEmpty)
    }

    @Test func whoShowsNoLifeLeavesNothing() {
        #expect(LaneBalancer(living: [worker("a", 1, 1)], lanes: 2).lanesToLeave("z").isEmpty)
        #expect(LaneBalancer(living: [], lanes: 2).lanesToLeave("z").isEmpty)
    }

    @Test func thePlanDoesNotDependOnTheOrderOfTheSigns() {
        let living = [worker("a", 1, 1, 5, 1), worker("b", 2, 2, 2, 2), worker("c", 3, 3, 3, 3)]
        for id in ["a", "b", "c"] {
            let forwards = LaneBalancer(living: living, lanes: 4).lanesToLeave(id)
            #expect(LaneBalancer(living: living.reversed(), lanes: 4).lanesToLeave(id) == forwards)
        }
    }

    @Test func withMoreWorkersThanLanesEachLaneHasItsOwn() {
        let living = (1...5).map { worker("w\($0)", Int64($0), Int64($0)) }
        let spread = LaneBalancer(living: living, lanes: 2)
        #expect(spread.lanesToLeave("w1") == [1])
        #expect((2...5).allSatisfy { spread.lanesToLeave("w\($0)").isEmpty })
    }
}
