import Testing

@testable import Broker

@Suite struct PublisherStateTests {
    private typealias State = PublisherState<String>
    private let start = ContinuousClock.now

    private func message(_ name: String) -> OutgoingMessage {
        var properties = MessageProperties()
        properties.messageID = name
        return OutgoingMessage(BrokerMessage(properties: properties, body: []), exchange: "events", routingKey: "0")
    }

    private func enqueue(_ name: String, in state: inout State, due seconds: Int = 5) -> PublishError? {
        state.enqueue(message(name), deadline: start + .seconds(seconds), waiter: name)
    }

    /// Takes messages to publish and returns their names.
    private func take(_ limit: Int, from state: inout State) -> [String?] {
        state.takeWaiting(atMost: limit).map(\.message.message.properties.messageID)
    }

    /// Confirms requests and returns the callers to resume.
    private func confirm(_ numbers: UInt64..., in state: inout State) -> [String] {
        state.resolve(numbers.map { ($0, .confirmed) }).map(\.waiter)
    }

    /// Returns a connected state with these published and waiting messages.
    private func open(capacity: Int = 10, published: [String] = [], waiting: [String] = []) -> State {
        var state = State(capacity: capacity)
        state.connected()
        for name in published { _ = enqueue(name, in: &state) }
        _ = state.takeWaiting(atMost: published.count)
        for name in waiting { _ = enqueue(name, in: &state) }
        return state
    }

    // MARK: Queueing

    @Test func requestsAreRefusedBeforeTheFirstConnection() {
        var state = State(capacity: 10)
        #expect(enqueue("a", in: &state) == .unreachable)
        #expect(state.unanswered == 0)
    }

    @Test func requestsAreQueuedWithAConnection() {
        var state = open()
        #expect(state.phase == .open)
        #expect(enqueue("a", in: &state) == nil)
        #expect(state.waitingCount == 1)
    }

    /// The oldest request may wait for its confirm for seconds, while thousands after it are confirmed.
    @Test func answeredRequestsBehindAnUnansweredOneTakeNoPlace() {
        var state = open(capacity: 3, published: ["a", "b", "c"])
        #expect(confirm(2, 3, in: &state) == ["b", "c"])
        #expect(state.unanswered == 1)
        #expect(enqueue("d", in: &state) == nil)
        #expect(enqueue("e", in: &state) == nil)
        #expect(enqueue("f", in: &state) == .queueFull)
        #expect(take(5, from: &state) == ["d", "e"])
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
        var state = open(capacity: 3, published: ["a", "b"], waiting: ["c"])
        #expect(state.unanswered == 3)
        #expect(enqueue("d", in: &state) == .queueFull)
        _ = confirm(1, in: &state)
        #expect(enqueue("d", in: &state) == nil)
    }

    @Test func messagesAreTakenInOrder() {
        var state = open(waiting: ["a", "b", "c"])
        #expect(take(2, from: &state) == ["a", "b"])
        #expect(take(2, from: &state) == ["c"])
        #expect(take(2, from: &state).isEmpty)
    }

    @Test func messagesAreNumberedInTheOrderOfArrival() {
        var state = open(published: ["a", "b"], waiting: ["c", "d"])
        #expect(state.takeWaiting(atMost: 1).map(\.number) == [3])
        #expect(state.takeWaiting(atMost: 9).map(\.number) == [4])
        #expect(confirm(3, in: &state) == ["c"])
        #expect(confirm(1, 2, 4, in: &state) == ["a", "b", "d"])
        #expect(state.unanswered == 0)
    }

    @Test func anOutcomeResolvesItsOwnRequest() {
        var state = open(published: ["a", "b", "c"])
        let resolved = state.resolve([(3, .refused), (1, .unroutable)])
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
        let number = state.takeWaiting(atMost: 9).map(\.number)
        #expect(number == [3])
        #expect(confirm(3, in: &state) == ["c"])
        #expect(confirm(1, in: &state) == ["a"])
    }

    @Test func aLostConnectionReturnsAllCallers() {
        var state = open(published: ["a", "b"], waiting: ["c"])
        #expect(state.disconnected(reason: "gone") == ["a", "b", "c"])
        #expect(state.unanswered == 0)
        #expect(state.waitingCount == 0)
        state.connected()
        _ = enqueue("d", in: &state)
        let taken = state.takeWaiting(atMost: 1)
        #expect(state.resolve(taken.map { ($0.number, .confirmed) }).map(\.waiter) == ["d"])
    }

    @Test func queuedRequestsAreStillConfirmedWhileStopping() {
        var state = open(published: ["a"], waiting: ["b"])
        state.stop()
        #expect(take(10, from: &state) == ["b"])
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
        var state = State(capacity: 1)
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
        let taken = state.takeWaiting(atMost: 10)
        #expect(taken.map(\.message.message.properties.messageID) == ["c"])
        #expect(state.resolve(taken.map { ($0.number, .confirmed) }).map(\.waiter) == ["c"])
    }

    @Test func aLateConfirmReachesNoCaller() {
        var state = open(published: ["a", "b"])
        _ = state.expire(now: start + .seconds(5))
        #expect(confirm(1, 2, in: &state).isEmpty)
    }
}
