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
struct PublisherState<Item: Sendable, Waiter> {
    /// The state of the connection.
    enum Phase: Hashable {
        case disconnected(reason: String)
        case open
        case blocked(reason: String)
        case stopping
    }

    /// How requests become messages.
    struct Limits: Hashable {
        /// The maximum number of unanswered requests.
        var capacity: Int
        /// The maximum number of items of one message.
        var itemsPerMessage: Int
        /// The maximum number of unconfirmed messages of one route, as long as the next one is not full. What arrives
        /// before the confirm goes into the next message, so messages grow with the load, and a lone item is published at once.
        var messagesPerRoute: Int
        /// The maximum number of unconfirmed messages of one route. A full message gains nothing by waiting.
        var fullMessagesPerRoute: Int
    }

    /// The items of one message.
    struct Batch: Sendable {
        let route: Int
        let items: [Item]
        /// The numbers of their requests.
        let numbers: [UInt64]
    }

    /// The result of ``enqueue(_:route:deadline:waiter:)``.
    enum Admission: Hashable {
        case refused(PublishError)
        case queued
        /// Queued, and the publisher's thread has to be woken.
        case wake
    }

    private struct Request {
        var item: Item
        var deadline: ContinuousClock.Instant
        /// Nil once the request is answered.
        var waiter: Waiter?
    }

    private struct Route {
        /// The numbers of the requests that wait to be published. Some may be answered already.
        var waiting = Deque<UInt64>()
        /// The number of unconfirmed messages.
        var unconfirmed = 0
    }

    let limits: Limits
    private(set) var phase = Phase.disconnected(reason: "connecting")
    /// The requests in order of arrival, published or not, from the oldest unanswered one on.
    private var requests = Deque<Request>()
    /// The number of the first request.
    private var firstNumber: UInt64 = 1
    private var routes: [Route]
    /// Whether the thread has been woken and has not looked yet.
    private var isWoken = false

    init(routes: Int, limits: Limits) {
        self.routes = Array(repeating: Route(), count: routes)
        self.limits = limits
    }

    /// The number of unanswered requests.
    private(set) var unanswered = 0

    /// Queues a request.
    mutating func enqueue(
        _ item: Item, route: Int, deadline: ContinuousClock.Instant, waiter: Waiter
    ) -> Admission {
        switch phase {
        case .disconnected: return .refused(.unreachable)
        case .blocked: return .refused(.blocked)
        case .stopping: return .refused(.stopping)
        case .open:
            guard unanswered < limits.capacity else { return .refused(.queueFull) }
            routes[route].waiting.append(firstNumber + UInt64(requests.count))
            requests.append(Request(item: item, deadline: deadline, waiter: waiter))
            unanswered += 1
            // A confirm wakes the thread as well.
            guard !isWoken, mayPublish(on: routes[route]) else { return .queued }
            isWoken = true
            return .wake
        }
    }

    /// Removes and returns what can be published now, in order of arrival for each route.
    mutating func takeWaiting() -> [Batch] {
        isWoken = false
        var batches: [Batch] = []
        for route in routes.indices where !routes[route].waiting.isEmpty {
            while mayPublish(on: routes[route]), let batch = takeBatch(of: route) {
                batches.append(batch)
                routes[route].unconfirmed += 1
            }
        }
        return batches
    }

    private func mayPublish(on route: Route) -> Bool {
        let isFull = route.waiting.count >= limits.itemsPerMessage
        return route.unconfirmed < (isFull ? limits.fullMessagesPerRoute : limits.messagesPerRoute)
    }

    private mutating func takeBatch(of route: Int) -> Batch? {
        var items: [Item] = []
        var numbers: [UInt64] = []
        while items.count < limits.itemsPerMessage, let number = routes[route].waiting.popFirst() {
            guard let index = index(of: number), requests[index].waiter != nil else { continue }
            items.append(requests[index].item)
            numbers.append(number)
        }
        return items.isEmpty ? nil : Batch(route: route, items: items, numbers: numbers)
    }

    /// Resolves the requests of published messages. Ignores those that are already answered.
    ///
    /// - Returns: the callers to resume, with their outcomes.
    mutating func resolve(
        _ outcomes: [(batch: Batch, outcome: PublishOutcome)]
    ) -> [(waiter: Waiter, outcome: PublishOutcome)] {
        var resolved: [(waiter: Waiter, outcome: PublishOutcome)] = []
        for (batch, outcome) in outcomes {
            routes[batch.route].unconfirmed -= 1
            for number in batch.numbers {
                if let waiter = takeWaiter(of: number) { resolved.append((waiter: waiter, outcome: outcome)) }
            }
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
    /// - Returns: the callers whose items are not published. Published messages can still be confirmed.
    mutating func blocked(reason: String) -> [Waiter] {
        if phase != .stopping { phase = .blocked(reason: reason) }
        let numbers = routes.flatMap(\.waiting).sorted()
        for route in routes.indices { routes[route].waiting.removeAll() }
        let waiters = numbers.compactMap { takeWaiter(of: $0) }
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
        routes = Array(repeating: Route(), count: routes.count)
        return waiters
    }

    /// Refuses new requests. Queued ones can still be published and confirmed.
    mutating func stop() {
        phase = .stopping
    }

    /// Expires requests. Expired items that are not published yet are not published any more.
    ///
    /// - Returns: the callers whose deadline has passed.
    mutating func expire(now: ContinuousClock.Instant) -> [Waiter] {
        var expired: [Waiter] = []
        // All requests have the same timeout, so deadlines are in order of arrival.
        for index in requests.indices {
            guard requests[index].deadline <= now else { break }
            if let waiter = requests[index].waiter {
                expired.append(waiter)
                unanswered -= 1
            }
            requests[index].waiter = nil
        }
        dropAnswered()
        return expired
    }

    /// Returns the position of a request; nil if it and all earlier ones are answered.
    private func index(of number: UInt64) -> Int? {
        guard number >= firstNumber, number < firstNumber + UInt64(requests.count) else { return nil }
        return Int(number - firstNumber)
    }

    private mutating func takeWaiter(of number: UInt64) -> Waiter? {
        guard let index = index(of: number), let waiter = requests[index].waiter else { return nil }
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
