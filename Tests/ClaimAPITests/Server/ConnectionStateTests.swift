import Testing

@testable import ClaimAPI

@Suite struct ConnectionStateTests {
    private let limits = ConnectionState.Limits(
        header: .seconds(10), idle: .seconds(75), body: .seconds(30), write: .seconds(20))
    private let start = ContinuousClock.now

    private func at(_ seconds: Int) -> ContinuousClock.Instant { start + .seconds(seconds) }

    private func state() -> ConnectionState { ConnectionState(limits, now: start) }

    /// What is to happen, and after how many seconds.
    private func deadline(_ state: ConnectionState) -> String? {
        state.deadline.map { "\($0.expiry) after \(($0.time - start) / .seconds(1))" }
    }

    @Test func aNewConnectionHasTheHeaderTimeout() {
        #expect(deadline(state()) == "close after 10.0")
    }

    @Test func anIncompleteBodyFailsTheRequest() {
        var state = state()
        state.receivedHead(now: at(5))
        #expect(deadline(state) == "failRequest after 35.0")
    }

    @Test func theServerMayTakeItsTime() {
        var state = state()
        state.receivedHead(now: at(5))
        state.receivedEnd(now: at(6))
        #expect(deadline(state) == nil)
    }

    @Test func aConnectionWithoutARequestHasTheIdleTimeout() {
        var state = state()
        state.receivedHead(now: at(1))
        state.receivedEnd(now: at(1))
        let closes = state.willRespond()
        #expect(!closes)
        state.responded(now: at(3))
        #expect(deadline(state) == "close after 78.0")
        #expect(!state.closesAfterResponse)
    }

    @Test func aResponseBeforeTheEndOfItsRequestClosesTheConnection() {
        var state = state()
        state.receivedHead(now: at(1))
        let closes = state.willRespond()
        #expect(closes)
        #expect(state.closesAfterResponse)
    }

    @Test func aResponseClosesTheConnectionWhileTheServerDrains() {
        var state = state()
        state.receivedHead(now: at(1))
        state.receivedEnd(now: at(1))
        let closes = state.willRespond(isDraining: true)
        #expect(closes)
        #expect(state.closesAfterResponse)
    }

    @Test func pipelinedRequestsAreAnsweredBeforeADrainingServerClosesTheConnection() {
        var state = state()
        for second in 1...2 {
            state.receivedHead(now: at(second))
            state.receivedEnd(now: at(second))
        }
        let closesAfterFirst = state.willRespond(isDraining: true)
        #expect(!closesAfterFirst)
        state.responded(now: at(3))
        let closesAfterSecond = state.willRespond(isDraining: true)
        #expect(closesAfterSecond)
    }

    @Test func aResponseWithoutAValidHeaderClosesTheConnection() {
        var state = state()
        let closes = state.willRespond()
        #expect(closes)
        state.responded(now: at(1))
        #expect(deadline(state) == "close after 11.0")
    }

    @Test func aResponseToAnEarlierPipelinedRequestClosesNothing() {
        var state = state()
        state.receivedHead(now: at(1))
        state.receivedEnd(now: at(1))
        state.receivedHead(now: at(2))
        let closesAfterFirst = state.willRespond()
        #expect(!closesAfterFirst)
        state.responded(now: at(3))
        let closesAfterSecond = state.willRespond()
        #expect(closesAfterSecond)
    }

    @Test func anIncompletePipelinedBodyClosesTheConnection() {
        var state = state()
        state.receivedHead(now: at(1))
        state.receivedEnd(now: at(1))
        state.receivedHead(now: at(2))
        #expect(deadline(state) == "close after 32.0")
    }

    @Test func aClientThatDoesNotReadIsDisconnected() {
        var state = state()
        state.receivedHead(now: at(1))
        state.receivedEnd(now: at(1))
        state.changedWritability(false, now: at(8))
        #expect(deadline(state) == "close after 28.0")
        state.changedWritability(true, now: at(9))
        #expect(deadline(state) == nil)
    }

    @Test func aFailedRequestHasToBeAnsweredSoon() {
        var state = state()
        state.receivedHead(now: at(1))
        state.failed(now: at(31))
        #expect(deadline(state) == "close after 51.0")
    }
}
