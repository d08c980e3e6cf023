import Testing

@testable import Broker

@Suite struct PublisherStateTests {
    private typealias State = PublisherState<String, String>
    private let start = ContinuousClock.now

    private func enqueue(_ name: String, in state: inout State, route: Int = 0, due seconds: Int = 5) -> PublishError? {
        if case .refused(let error) = state.enqueue(
            name, route: route, deadline: start + .seconds(seconds), waiter: name)
        {
            return error
        }
        return nil
    }

    /// Takes what can be published and returns the items of each message.
    private func take(from state: inout State) -> [[String]] {
        state.takeWaiting().map(\.items)
    }

    /// Confirms requests, as if each had been a message, and returns the callers to resume.
    private func confirm(_ numbers: UInt64..., in state: inout State) -> [String] {
        state.resolve(numbers.map { (State.Batch(route: 0, items: [], numbers: [$0]), .confirmed) }).map(\.waiter)
    }

    private func limits(capacity: Int = 10, items: Int = 1, messages: Int = 1000, full: Int = 1000) -> State.Limits {
        State.Limits(
            capacity: capacity, itemsPerMessage: items, messagesPerRoute: messages, fullMessagesPerRoute: full)
    }

    /// Returns a connected state with these published and waiting items.
    private func open(
        _ limits: State.Limits? = nil, published: [String] = [], waiting: [String] = []
    ) -> State {
        var state = State(routes: 2, limits: limits ?? self.limits())
        state.connected()
        for name in published { _ = enqueue(name, in: &state) }
        _ = state.takeWaiting()
        for name in waiting { _ = enqueue(name, in: &state) }
        return state
    }

    // MARK: Messages

    @Test func theItemsOfARouteShareAMessage() {
        var state = open(limits(items: 3))
        for name in ["a", "b", "c", "d"] { _ = enqueue(name, in: &state) }
        _ = enqueue("x", in: &state, route: 1)
        #expect(take(from: &state) == [["a", "b", "c"], ["d"], ["x"]])
    }

    @Test func whatArrivesDuringAnUnconfirmedMessageGoesIntoTheNextOne() {
        var state = open(limits(items: 5, messages: 1))
        _ = enqueue("a", in: &state)
        let first = state.takeWaiting()
        for name in ["b", "c", "d", "e"] { _ = enqueue(name, in: &state) }
        _ = enqueue("x", in: &state, route: 1)
        #expect(take(from: &state) == [["x"]], "the other route does not wait")
        #expect(state.resolve(first.map { ($0, .confirmed) }).map(\.waiter) == ["a"])
        #expect(take(from: &state) == [["b", "c", "d", "e"]])
        #expect(take(from: &state).isEmpty)
    }

    @Test func aFullMessageDoesNotWaitForConfirms() {
        var state = open(limits(items: 2, messages: 1, full: 3))
        _ = enqueue("a", in: &state)
        let first = state.takeWaiting()
        func admit(_ name: String) -> State.Admission {
            state.enqueue(name, route: 0, deadline: start + .seconds(5), waiter: name)
        }
        #expect(admit("b") == .queued)
        #expect(take(from: &state).isEmpty)
        #expect(admit("c") == .wake, "the message is full")
        for name in ["d", "e", "f", "g", "h"] { _ = admit(name) }
        #expect(take(from: &state) == [["b", "c"], ["d", "e"]], "no more than three messages are unconfirmed")
        _ = state.resolve(first.map { ($0, .confirmed) })
        #expect(take(from: &state) == [["f", "g"]])
        #expect(take(from: &state).isEmpty)
    }

    @Test func theThreadIsWokenOnceAndNotForAFullRoute() {
        var state = open(limits(items: 1, messages: 1, full: 1))
        func admit(_ route: Int) -> State.Admission {
            state.enqueue("a", route: route, deadline: start + .seconds(5), waiter: "a")
        }
        #expect(admit(0) == .wake)
        #expect(admit(0) == .queued, "it is awake already")
        let taken = state.takeWaiting()
        #expect(admit(0) == .queued, "the confirm wakes it")
        #expect(admit(1) == .wake)
        _ = state.takeWaiting()
        _ = state.resolve(taken.map { ($0, .confirmed) })
        #expect(admit(0) == .wake)
    }

    @Test func oneOutcomeResolvesAllItemsOfAMessage() {
        var state = open(limits(items: 3))
        for name in ["a", "b", "c", "d"] { _ = enqueue(name, in: &state) }
        let batches = state.takeWaiting()
        let resolved = state.resolve([(batches[0], .refused)])
        #expect(resolved.map(\.waiter) == ["a", "b", "c"])
        #expect(resolved.allSatisfy { $0.outcome == .refused })
        #expect(state.unanswered == 1)
    }

    // MARK: Queueing

    @Test func requestsAreRefusedBeforeTheFirstConnection() {
        var state = State(routes: 2, limits: limits())
        #expect(enqueue("a", in: &state) == .unreachable)
        #expect(state.unanswered == 0)
    }

    @Test func requestsAreQueuedWithAConnection() {
        var state = open()
        #expect(state.phase == .open)
        #expect(enqueue("a", in: &state) == nil)
        #expect(state.unanswered == 1)
    }

    /// The oldest request may wait for its confirm for seconds, while thousands after it are confirmed.
    @Test func answeredRequestsBehindAnUnansweredOneTakeNoPlace() {
        var state = open(limits(capacity: 3), published: ["a", "b", "c"])
        #expect(confirm(2, 3, in: &state) == ["b", "c"])
        #expect(state.unanswered == 1)
        #expect(enqueue("d", in: &state) == nil)
        #expect(enqueue("e", in: &state) == nil)
        #expect(enqueue("f", in: &state) == .queueFull)
        #expect(take(from: &state) == [["d"], ["e"]])
        #expect(confirm(4, 1, in: &state) == ["d", "a"])
        #expect(state.unanswered == 1)
    }

    @Test func requestsAreRefusedBetweenTwoConnections() {
        var state = open()
        _ = state.disconnected(reason: "gone")
        #expect(state.phase == .disconnected(reason: "gone"))
        #expect(enqueue("a", in: &state) == .unreachable)
        state.connected()
        #expect(enqueue("a", in: &state) == nil)
    }

    @Test func requestsAreRefusedWhileBlocked() {
        var state = open()
        _ = state.blocked(reason: "memory")
        #expect(enqueue("a", in: &state) == .blocked)
        state.unblocked()
        #expect(enqueue("a", in: &state) == nil)
    }

    @Test func requestsAreRefusedWhileStopping() {
        var state = open()
        state.stop()
        #expect(enqueue("a", in: &state) == .stopping)
    }

    @Test func unconfirmedRequestsCountTowardsTheCapacity() {
        var state = open(limits(capacity: 3), published: ["a", "b"], waiting: ["c"])
        #expect(state.unanswered == 3)
        #expect(enqueue("d", in: &state) == .queueFull)
        _ = confirm(1, in: &state)
        #expect(enqueue("d", in: &state) == nil)
    }

    @Test func messagesAreTakenInOrder() {
        var state = open(waiting: ["a", "b", "c"])
        #expect(take(from: &state) == [["a"], ["b"], ["c"]])
        #expect(take(from: &state).isEmpty)
    }

    @Test func messagesAreNumberedInTheOrderOfArrival() {
        var state = open(published: ["a", "b"], waiting: ["c", "d"])
        #expect(state.takeWaiting().map(\.numbers) == [[3], [4]])
        #expect(confirm(3, in: &state) == ["c"])
        #expect(confirm(1, 2, 4, in: &state) == ["a", "b", "d"])
        #expect(state.unanswered == 0)
    }

    @Test func anOutcomeResolvesItsOwnRequest() {
        var state = open(published: ["a", "b", "c"])
        let resolved = state.resolve([
            (State.Batch(route: 0, items: [], numbers: [3]), .refused),
            (State.Batch(route: 0, items: [], numbers: [1]), .unroutable),
        ])
        #expect(resolved.map(\.waiter) == ["c", "a"])
        #expect(resolved.map(\.outcome) == [.refused, .unroutable])
    }

    @Test func aCallerIsAnsweredOnce() {
        var state = open(published: ["a", "b"])
        #expect(confirm(2, in: &state) == ["b"])
        #expect(confirm(2, in: &state).isEmpty)
        #expect(confirm(0, 7, in: &state).isEmpty)
    }

    // MARK: Blocked, lost, stopping

    @Test func aBlockRefusesWhatIsNotPublished() {
        var state = open(published: ["a"], waiting: ["b", "c"])
        #expect(state.blocked(reason: "memory") == ["b", "c"])
        #expect(state.phase == .blocked(reason: "memory"))
        #expect(confirm(1, in: &state) == ["a"])
        #expect(state.unanswered == 0)
    }

    @Test func aBlockKeepsTheNumbering() {
        var state = open(published: ["a"], waiting: ["b"])
        _ = state.blocked(reason: "memory")
        state.unblocked()
        _ = enqueue("c", in: &state)
        #expect(state.takeWaiting().map(\.numbers) == [[3]])
        #expect(confirm(3, in: &state) == ["c"])
        #expect(confirm(1, in: &state) == ["a"])
    }

    @Test func aLostConnectionReturnsAllCallers() {
        var state = open(published: ["a", "b"], waiting: ["c"])
        #expect(state.disconnected(reason: "gone") == ["a", "b", "c"])
        #expect(state.unanswered == 0)
        #expect(take(from: &state).isEmpty)
        state.connected()
        _ = enqueue("d", in: &state)
        let taken = state.takeWaiting()
        #expect(state.resolve(taken.map { ($0, .confirmed) }).map(\.waiter) == ["d"])
    }

    @Test func queuedRequestsAreStillConfirmedWhileStopping() {
        var state = open(published: ["a"], waiting: ["b"])
        state.stop()
        #expect(take(from: &state) == [["b"]])
        #expect(confirm(1, 2, in: &state) == ["a", "b"])
        #expect(state.unanswered == 0)
    }

    @Test func stoppingIsFinal() {
        var state = open()
        state.stop()
        state.connected()
        _ = state.blocked(reason: "memory")
        state.unblocked()
        _ = state.disconnected(reason: "gone")
        #expect(state.phase == .stopping)
    }

    @Test func unblockingOnlyEndsABlock() {
        var state = State(routes: 2, limits: limits(capacity: 1))
        let before = state.phase
        state.unblocked()
        #expect(state.phase == before)
        #expect(before != .open)
    }

    // MARK: Time

    @Test func aRequestExpiresAtItsDeadline() {
        var state = open(published: ["a"])
        #expect(state.expire(now: start + .seconds(4)).isEmpty)
        #expect(state.expire(now: start + .seconds(5)) == ["a"])
        #expect(state.unanswered == 0)
    }

    @Test func anExpiredRequestIsNotPublished() {
        var state = open(published: ["a"], waiting: ["b"])
        _ = enqueue("c", in: &state, due: 9)
        #expect(state.expire(now: start + .seconds(5)) == ["a", "b"])
        let taken = state.takeWaiting()
        #expect(taken.map(\.items) == [["c"]])
        #expect(state.resolve(taken.map { ($0, .confirmed) }).map(\.waiter) == ["c"])
    }

    @Test func aLateConfirmReachesNoCaller() {
        var state = open(published: ["a", "b"])
        _ = state.expire(now: start + .seconds(5))
        #expect(confirm(1, 2, in: &state).isEmpty)
    }
}
