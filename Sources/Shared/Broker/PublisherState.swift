internal import DequeModule

/// Why a message was not accepted. The sender knows, and may send it again.
package enum PublishError: Error, Hashable, Sendable {
    /// There is no connection to the broker.
    case unreachable
    /// The connection was lost before the confirm came; the message may or may not be stored.
    case connectionLost
    /// The broker takes no messages: a memory or disk alarm.
    case blocked
    /// basic.nack.
    case refused
    /// The broker has no queue for it.
    case unroutable
    /// No confirm in time; the message may or may not be stored.
    case timeout
    /// Too many requests are waiting already.
    case queueFull
    /// This process is shutting down.
    case stopping
}

/// What the publisher's callers and its thread share: the requests that are not answered yet.
///
/// Pure: no connection, no clock, no lock of its own. Each transition returns the callers to resume, and the owner
/// resumes them after it has released its lock.
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
        /// Nil once the caller is answered.
        var waiter: Waiter?
    }

    private(set) var phase = Phase.disconnected(reason: "connecting to RabbitMQ")
    /// All unanswered requests in the order of arrival, published or not.
    private var requests = Deque<Request>()
    /// The number of the first request.
    private var firstNumber: UInt64 = 1
    private var unpublished = Deque<OutgoingMessage>()
    let capacity: Int

    /// - Parameter capacity: the most requests that may be unanswered.
    init(capacity: Int) {
        self.capacity = capacity
    }

    /// The number of requests that wait to be published.
    var waitingCount: Int { unpublished.count }

    /// The number of requests that are not answered, or follow one that is not.
    var unresolved: Int { requests.count }

    /// Queues a request.
    ///
    /// - Returns: why it was not taken; nil if it was.
    mutating func enqueue(
        _ message: OutgoingMessage, deadline: ContinuousClock.Instant, waiter: Waiter
    ) -> PublishError? {
        switch phase {
        case .disconnected: return .unreachable
        case .blocked: return .blocked
        case .stopping: return .stopping
        case .open:
            guard requests.count < capacity else { return .queueFull }
            requests.append(Request(deadline: deadline, waiter: waiter))
            unpublished.append(message)
            return nil
        }
    }

    /// Takes the next messages to publish, each with the number of its request.
    mutating func takeWaiting(atMost limit: Int) -> [(message: OutgoingMessage, number: UInt64)] {
        let count = min(limit, unpublished.count)
        let first = firstNumber + UInt64(requests.count - unpublished.count)
        let taken = zip(unpublished.prefix(count), first...).map { (message: $0, number: $1) }
        unpublished.removeFirst(count)
        return taken
    }

    /// Removes the callers of these requests; one that was answered already has none.
    mutating func resolve(
        _ outcomes: [(number: UInt64, outcome: PublishOutcome)]
    ) -> [(waiter: Waiter, outcome: PublishOutcome)] {
        let resolved = outcomes.compactMap { number, outcome in
            takeWaiter(of: number).map { (waiter: $0, outcome: outcome) }
        }
        dropAnswered()
        return resolved
    }

    mutating func connected() {
        if phase != .stopping { phase = .open }
    }

    /// - Returns: the callers that wait to be published. Those that wait for a confirm may still get it.
    mutating func blocked(reason: String) -> [Waiter] {
        if phase != .stopping { phase = .blocked(reason: reason) }
        let first = firstNumber + UInt64(requests.count - unpublished.count)
        let waiters = (first..<first + UInt64(unpublished.count)).compactMap { takeWaiter(of: $0) }
        unpublished.removeAll()
        dropAnswered()
        return waiters
    }

    mutating func unblocked() {
        if case .blocked = phase { phase = .open }
    }

    /// - Returns: all callers; no confirm can come any more.
    mutating func disconnected(reason: String) -> [Waiter] {
        if phase != .stopping { phase = .disconnected(reason: reason) }
        let waiters = requests.compactMap(\.waiter)
        firstNumber += UInt64(requests.count)
        requests.removeAll()
        unpublished.removeAll()
        return waiters
    }

    /// Takes no more requests; those that are queued may still be confirmed.
    mutating func stop() {
        phase = .stopping
    }

    /// - Returns: the callers whose deadline has passed. What is still unpublished of theirs is not published.
    mutating func expire(now: ContinuousClock.Instant) -> [Waiter] {
        var expired: [Waiter] = []
        // All requests have the same time, so the first that is not due ends the search.
        var count = 0
        for index in requests.indices {
            guard requests[index].deadline <= now else { break }
            if let waiter = requests[index].waiter { expired.append(waiter) }
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
        defer { requests[index].waiter = nil }
        return requests[index].waiter
    }

    private mutating func dropAnswered() {
        while let first = requests.first, first.waiter == nil {
            requests.removeFirst()
            firstNumber += 1
        }
    }
}
