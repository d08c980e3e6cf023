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

    @Test func aSingleWorkerKeepsAllLanes() {
        #expect(LaneBalancer(live: [worker("a", 1, 2, 3)], lanes: 3).lanesToLeave("a").isEmpty)
    }

    @Test func aSecondWorkerGetsHalfOfTheLanes() {
        let balancer = LaneBalancer(live: [worker("a", 1, 1, 1, 1), worker("b", 2, 2, 2, 2)], lanes: 4)
        #expect(balancer.lanesToLeave("a") == [2, 3])
        #expect(balancer.lanesToLeave("b").isEmpty)
    }

    @Test func theLargerShareStaysWithTheWorkerThatHasIt() {
        let balancer = LaneBalancer(live: [worker("b", 1, 1, 1), worker("a", 2, 2, 2)], lanes: 3)
        #expect(balancer.lanesToLeave("b") == [2])
    }

    @Test func allWorkersBeforeTheNewOwnerStepBehindIt() {
        // Worker a has lane 0, b has lanes 1 and 2. Worker c subscribed last and has to get one of b's lanes.
        let live = [worker("a", 1, 2, 2), worker("b", 2, 1, 1), worker("c", 3, 3, 3)]
        let balancer = LaneBalancer(live: live, lanes: 3)
        #expect(balancer.lanesToLeave("a") == [2])
        #expect(balancer.lanesToLeave("b") == [2])
        #expect(balancer.lanesToLeave("c").isEmpty)
    }

    @Test func balancedLanesStay() {
        let balancer = LaneBalancer(live: [worker("a", 1, 1, 2, 2), worker("b", 2, 2, 1, 1)], lanes: 4)
        #expect(balancer.lanesToLeave("a").isEmpty)
        #expect(balancer.lanesToLeave("b").isEmpty)
    }

    @Test func aWorkerThatHasNotSubscribedToAllLanesIsIgnored() {
        let balancer = LaneBalancer(live: [worker("a", 1, 1, 1, 1), worker("b", 2, 2, 2)], lanes: 4)
        #expect(balancer.lanesToLeave("a").isEmpty)
        #expect(balancer.lanesToLeave("b").isEmpty)
    }

    @Test func aWorkerWithoutAHeartbeatLeavesNoLanes() {
        #expect(LaneBalancer(live: [worker("a", 1, 1)], lanes: 2).lanesToLeave("z").isEmpty)
        #expect(LaneBalancer(live: [], lanes: 2).lanesToLeave("z").isEmpty)
    }

    @Test func thePlanDoesNotDependOnTheOrderOfTheHeartbeats() {
        let live = [worker("a", 1, 1, 5, 1), worker("b", 2, 2, 2, 2), worker("c", 3, 3, 3, 3)]
        for id in ["a", "b", "c"] {
            let plan = LaneBalancer(live: live, lanes: 4).lanesToLeave(id)
            #expect(LaneBalancer(live: live.reversed(), lanes: 4).lanesToLeave(id) == plan)
        }
    }

    @Test func withMoreWorkersThanLanesEachLaneHasADifferentWorker() {
        let live = (1...5).map { worker("w\($0)", Int64($0), Int64($0)) }
        let balancer = LaneBalancer(live: live, lanes: 2)
        #expect(balancer.lanesToLeave("w1") == [1])
        #expect((2...5).allSatisfy { balancer.lanesToLeave("w\($0)").isEmpty })
    }
}
