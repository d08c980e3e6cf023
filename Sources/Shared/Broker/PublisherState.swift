internal import DequeModule

/// Why a message was not confirmed. The caller may publish it again.
package enum PublishError: Error, Hashable, Sendable {
    /// There is no connection to the broker.
    case unreachable
    /// The connection was lost before the confirm came; the message may or may not be stored.
    case connectionLost
    /// The broker blocks publishers because of a memory or disk alarm.
    case blocked
    /// The broker could not store the message (basic.nack).
    case refused
    /// No queue is bound for the routing key (basic.return).
    case unroutable
    /// The confirm did not come in time; the message may or may not be stored.
    case timeout
    /// The publisher's queue is full.
    case queueFull
    /// This process is shutting down.
    case stopping
}

/// The state that the publisher's callers and its thread share: the unanswered requests.
///
/// A pure value without I/O, clock and lock. Each transition returns the callers to resume, and the owner resumes them
/// after it has released its lock.
struct PublisherState<Waiter> {
    /// The state of the connection.
    enum Phase: Hashable {
        case disconnected(reason: String)
        case open
        case blocked(reason: String)
        case stopping
    }

    private struct Request {
        var deadline: ContinuousClock.Instant
        /// Nil once the request is answered.
        var waiter: Waiter?
    }

    private(set) var phase = Phase.disconnected(reason: "connecting")
    /// The requests in order of arrival, published or not, from the oldest unanswered one on.
    private var requests = Deque<Request>()
    /// The number of the first request.
    private var firstNumber: UInt64 = 1
    private var unpublished = Deque<OutgoingMessage>()
    let capacity: Int

    /// - Parameter capacity: the maximum number of unanswered requests.
    init(capacity: Int) {
        self.capacity = capacity
    }

    /// The number of requests that wait to be published.
    var waitingCount: Int { unpublished.count }

    /// The number of unanswered requests.
    private(set) var unanswered = 0

    /// Queues a request.
    ///
    /// - Returns: why the request is refused; nil if it is queued.
    mutating func enqueue(
        _ message: OutgoingMessage, deadline: ContinuousClock.Instant, waiter: Waiter
    ) -> PublishError? {
        switch phase {
        case .disconnected: return .unreachable
        case .blocked: return .blocked
        case .stopping: return .stopping
        case .open:
            guard unanswered < capacity else { return .queueFull }
            requests.append(Request(deadline: deadline, waiter: waiter))
            unpublished.append(message)
            unanswered += 1
            return nil
        }
    }

    /// Removes and returns the next messages to publish, each with the number of its request.
    mutating func takeWaiting(atMost limit: Int) -> [(message: OutgoingMessage, number: UInt64)] {
        let count = min(limit, unpublished.count)
        let first = firstNumber + UInt64(requests.count - unpublished.count)
        let taken = zip(unpublished.prefix(count), first...).map { (message: $0, number: $1) }
        unpublished.removeFirst(count)
        return taken
    }

    /// Resolves requests by their numbers. Ignores those that are already answered.
    ///
    /// - Returns: the callers to resume, with their outcomes.
    mutating func resolve(
        _ outcomes: [(number: UInt64, outcome: PublishOutcome)]
    ) -> [(waiter: Waiter, outcome: PublishOutcome)] {
        let resolved = outcomes.compactMap { number, outcome in
            takeWaiter(of: number).map { (waiter: $0, outcome: outcome) }
        }
        dropAnswered()
        return resolved
    }

    /// Records a new connection.
    mutating func connected() {
        if phase != .stopping { phase = .open }
    }

    /// Records that the broker blocks the connection.
    ///
    /// - Returns: the callers whose messages are not published. Published messages can still be confirmed.
    mutating func blocked(reason: String) -> [Waiter] {
        if phase != .stopping { phase = .blocked(reason: reason) }
        let first = firstNumber + UInt64(requests.count - unpublished.count)
        let waiters = (first..<first + UInt64(unpublished.count)).compactMap { takeWaiter(of: $0) }
        unpublished.removeAll()
        dropAnswered()
        return waiters
    }

    /// Records that the broker no longer blocks the connection.
    mutating func unblocked() {
        if case .blocked = phase { phase = .open }
    }

    /// Records a lost connection.
    ///
    /// - Returns: all callers, since no confirm can arrive any more.
    mutating func disconnected(reason: String) -> [Waiter] {
        if phase != .stopping { phase = .disconnected(reason: reason) }
        let waiters = requests.compactMap(\.waiter)
        firstNumber += UInt64(requests.count)
        unanswered = 0
        requests.removeAll()
        unpublished.removeAll()
        return waiters
    }

    /// Refuses new requests. Queued ones can still be published and confirmed.
    mutating func stop() {
        phase = .stopping
    }

    /// Expires requests. Expired messages that are not published yet are dropped.
    ///
    /// - Returns: the callers whose deadline has passed.
    mutating func expire(now: ContinuousClock.Instant) -> [Waiter] {
        var expired: [Waiter] = []
        // All requests have the same timeout, so deadlines are in order of arrival.
        var count = 0
        for index in requests.indices {
            guard requests[index].deadline <= now else { break }
            if let waiter = requests[index].waiter {
                expired.append(waiter)
                unanswered -= 1
            }
            requests[index].waiter = nil
            count += 1
        }
        let published = requests.count - unpublished.count
        if count > published { unpublished.removeFirst(count - published) }
        dropAnswered()
        return expired
    }

    private mutating func takeWaiter(of number: UInt64) -> Waiter? {
        guard number >= firstNumber, number < firstNumber + UInt64(requests.count) else { return nil }
        let index = Int(number - firstNumber)
        guard let waiter = requests[index].waiter else { return nil }
        requests[index].waiter = nil
        unanswered -= 1
        return waiter
    }

    private mutating func dropAnswered() {
        while let first = requests.first, first.waiter == nil {
            requests.removeFirst()
            firstNumber += 1
        }
    }
}
