import Testing

@testable import Broker

@Suite struct PublisherStateTests {
    private typealias State = PublisherState<String>
    private let start = ContinuousClock.now

    private func request(_ name: String, due seconds: Int = 5) -> State.Request {
        var properties = MessageProperties()
        properties.messageID = name
        return State.Request(
            message: BrokerMessage(properties: properties, body: []), exchange: "claims", routingKey: "0",
            deadline: start + .seconds(seconds), waiter: name)
    }

    /// A state with a connection, these messages published and those waiting.
    private func open(capacity: Int = 10, published: [String] = [], waiting: [String] = []) -> State {
        var state = State(capacity: capacity)
        state.connected()
        for name in published { _ = state.enqueue(request(name)) }
        _ = state.takeWaiting(atMost: published.count)
        for name in waiting { _ = state.enqueue(request(name)) }
        return state
    }

    // MARK: Queueing

    @Test func beforeTheFirstConnectionNothingIsTaken() {
        var state = State(capacity: 10)
        #expect(state.enqueue(request("a")) == .unreachable)
        #expect(state.unresolved == 0)
    }

    @Test func withAConnectionARequestIsTaken() {
        var state = open()
        #expect(state.phase == .open)
        #expect(state.enqueue(request("a")) == nil)
        #expect(state.waitingCount == 1)
    }

    @Test func afterTheConnectionIsLostNothingIsTakenUntilTheNext() {
        var state = open()
        _ = state.disconnected(reason: "gone")
        #expect(state.phase == .disconnected(reason: "gone"))
        #expect(state.enqueue(request("a")) == .unreachable)
        state.connected()
        #expect(state.enqueue(request("a")) == nil)
    }

    @Test func whileBlockedNothingIsTaken() {
        var state = open()
        _ = state.blocked(reason: "memory")
        #expect(state.enqueue(request("a")) == .blocked)
        state.unblocked()
        #expect(state.enqueue(request("a")) == nil)
    }

    @Test func whileStoppingNothingIsTaken() {
        var state = open()
        state.stop()
        #expect(state.enqueue(request("a")) == .stopping)
    }

    @Test func whatWaitsForItsConfirmCountsForTheCapacityToo() {
        var state = open(capacity: 3, published: ["a", "b"], waiting: ["c"])
        #expect(state.unresolved == 3)
        #expect(state.enqueue(request("d")) == .queueFull)
        _ = state.resolve(tag: 1, multiple: false, confirmed: true)
        #expect(state.enqueue(request("d")) == nil)
    }

    @Test func requestsAreHandedOutInTheirOrder() {
        var state = open(waiting: ["a", "b", "c"])
        #expect(state.takeWaiting(atMost: 2).map(\.waiter) == ["a", "b"])
        #expect(state.takeWaiting(atMost: 2).map(\.waiter) == ["c"])
        #expect(state.takeWaiting(atMost: 2).isEmpty)
    }

    @Test func tagsAreGivenInTheOrderOfHandingOut() {
        var state = open(published: ["a", "b"], waiting: ["c"])
        _ = state.takeWaiting(atMost: 10)
        #expect(state.resolve(tag: 3, multiple: false, confirmed: true).map(\.waiter) == ["c"])
        #expect(state.resolve(tag: 2, multiple: true, confirmed: false).map(\.waiter) == ["a", "b"])
    }

    @Test func aReturnedMessageIsUnroutable() {
        var state = open(published: ["a", "b"])
        state.returned(messageID: "b")
        let resolved = state.resolve(tag: 2, multiple: true, confirmed: true)
        #expect(resolved.map(\.outcome) == [.confirmed, .unroutable])
    }

    // MARK: Blocked, lost, stopping

    @Test func aBlockSendsAwayWhoIsNotPublishedYet() {
        var state = open(published: ["a"], waiting: ["b", "c"])
        #expect(state.blocked(reason: "memory") == ["b", "c"])
        #expect(state.phase == .blocked(reason: "memory"))
        #expect(state.resolve(tag: 1, multiple: false, confirmed: true).map(\.waiter) == ["a"])
    }

    @Test func aLostConnectionSendsEverybodyAwayAndCountsFromOneAgain() {
        var state = open(published: ["a", "b"], waiting: ["c"])
        #expect(state.disconnected(reason: "gone") == ["a", "b", "c"])
        #expect(state.unresolved == 0)
        state.connected()
        _ = state.enqueue(request("d"))
        _ = state.takeWaiting(atMost: 1)
        #expect(state.resolve(tag: 1, multiple: false, confirmed: true).map(\.waiter) == ["d"])
    }

    @Test func whatIsUnderWayMayBeConfirmedWhileStopping() {
        var state = open(published: ["a"], waiting: ["b"])
        state.stop()
        #expect(state.takeWaiting(atMost: 10).map(\.waiter) == ["b"])
        #expect(state.resolve(tag: 2, multiple: true, confirmed: true).map(\.waiter) == ["a", "b"])
        #expect(state.unresolved == 0)
    }

    @Test func nothingEndsTheStopping() {
        var state = open()
        state.stop()
        state.connected()
        _ = state.blocked(reason: "memory")
        state.unblocked()
        _ = state.disconnected(reason: "gone")
        #expect(state.phase == .stopping)
    }

    @Test func onlyABlockIsUnblocked() {
        var state = State(capacity: 1)
        state.unblocked()
        #expect(state.phase == .disconnected(reason: "connecting"))
    }

    // MARK: Time

    @Test func aMissingConfirmStallsTheConnection() {
        var state = open(published: ["a"])
        #expect(state.expire(now: start + .seconds(4)).isEmpty)
        #expect(!state.isStalled)
        #expect(state.expire(now: start + .seconds(5)) == ["a"])
        #expect(state.isStalled)
    }

    @Test func aRequestThatWaitsTooLongToBePublishedStallsNothing() {
        var state = open(waiting: ["a", "b"])
        _ = state.enqueue(request("c", due: 9))
        #expect(state.expire(now: start + .seconds(5)) == ["a", "b"])
        #expect(!state.isStalled)
        #expect(state.takeWaiting(atMost: 10).map(\.waiter) == ["c"])
    }

    @Test func silenceWhileBlockedStallsNothing() {
        var state = open(published: ["a"])
        _ = state.blocked(reason: "memory")
        #expect(state.expire(now: start + .seconds(5)) == ["a"])
        #expect(!state.isStalled)
    }

    @Test func aNewConnectionIsNotStalled() {
        var state = open(published: ["a"])
        _ = state.expire(now: start + .seconds(5))
        _ = state.disconnected(reason: "stalled")
        #expect(!state.isStalled)
        state.connected()
        #expect(!state.isStalled)
    }
}
