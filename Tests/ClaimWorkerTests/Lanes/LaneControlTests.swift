import RuntimeSupport
import Testing

@testable import ClaimWorker

@Suite(.timeLimit(.minutes(1))) struct LaneControlTests {
    @Test func aNewLaneHasNotSubscribed() {
        #expect(LaneControl(lane: 3).subscribedSince == nil)
    }

    @Test func theNextSubscriptionCompletesAStepBack() {
        let control = LaneControl(lane: 3)
        #expect(!control.mustStepBack)
        control.stepBack()
        #expect(control.mustStepBack)
        control.subscribed()
        #expect(!control.mustStepBack)
    }

    @Test func aLaneThatStepsBackStaysASubscriber() throws {
        let control = LaneControl(lane: 3)
        control.subscribed()
        let since = try #require(control.subscribedSince)
        control.stepBack()
        #expect(control.subscribedSince == since)
        control.subscribed()
        #expect(try #require(control.subscribedSince) >= since)
    }

    @Test func aStopIsFinal() {
        let control = LaneControl(lane: 3)
        #expect(!control.stop.isRequested)
        control.stop.request()
        control.subscribed()
        #expect(control.stop.isRequested)
    }

    @Test func stepBackAndStopWakeTheLane() {
        let control = LaneControl(lane: 3)
        control.stepBack()
        control.stop.wake.wait(atMost: .seconds(90))
        control.stop.request()
        control.stop.wake.wait(atMost: .seconds(90))
    }
}
