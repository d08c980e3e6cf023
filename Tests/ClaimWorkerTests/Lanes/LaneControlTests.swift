import Testing

@testable import ClaimWorker

@Suite(.timeLimit(.minutes(1))) struct LaneControlTests {
    @Test func aLaneIsNoSubscriberBeforeItHasSubscribed() {
        #expect(LaneControl(lane: 3).subscribedSince == nil)
    }

    @Test func steppingBackIsDoneWithTheNextSubscription() {
        let control = LaneControl(lane: 3)
        #expect(!control.mustStepBack)
        control.stepBack()
        #expect(control.mustStepBack)
        control.subscribed()
        #expect(!control.mustStepBack)
    }

    @Test func aLaneThatStepsBackStillCountsAsASubscriber() throws {
        let control = LaneControl(lane: 3)
        control.subscribed()
        let since = try #require(control.subscribedSince)
        control.stepBack()
        #expect(control.subscribedSince == since)
        control.subscribed()
        #expect(try #require(control.subscribedSince) >= since)
    }

    @Test func stoppingIsForGood() {
        let control = LaneControl(lane: 3)
        #expect(!control.isStopping)
        control.stop()
        control.subscribed()
        #expect(control.isStopping)
    }

    @Test func aLaneIsWokenToStepBackAndToStop() {
        let control = LaneControl(lane: 3)
        control.stepBack()
        control.wake.wait(atMost: .seconds(90))
        control.stop()
        control.wake.wait(atMost: .seconds(90))
    }
}
