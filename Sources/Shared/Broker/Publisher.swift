package import Logging
internal import RuntimeSupport
internal import ServiceLifecycle
internal import Synchronization

/// Publishes items for many callers over one connection, on a dedicated thread.
///
/// Callers add items to a bounded queue. The thread publishes all that wait, those of one route together in one message,
/// and answers each caller when the broker has confirmed its message. After a lost connection it connects to the next
/// address.
///
/// The broker's cost is per message, not per item, so messages of several items let it accept more. Only a few messages of
/// a route are unconfirmed at a time. Under load, the items that arrive before the confirm fill the next one; without load each item
/// is published at once, alone.
package final class Publisher<Item: Sendable>: Service {
    /// The addresses, limits and topology of a publisher.
    package struct Configuration: Sendable {
        package var addresses: [BrokerAddress]
        /// Declares the exchanges and queues that the messages need, on the given channel.
        package var prepare: @Sendable (AMQPConnection, UInt16) throws(BrokerError) -> Void
        /// The number of routes. An item's route is a number below it.
        package var routes: Int
        /// Returns the message with these items, at least one, which have the same route.
        package var message: @Sendable (_ items: [Item], _ route: Int) -> OutgoingMessage
        /// The maximum number of items of one message.
        package var itemsPerMessage = 1
        /// The maximum number of unconfirmed messages of one route, as long as the next one is not full.
        package var messagesPerRoute = Int.max
        /// The maximum number of unconfirmed messages of one route.
        package var fullMessagesPerRoute = Int.max
        /// The heartbeat timeout in seconds.
        package var heartbeat: Int
        /// The longest wait for a confirm.
        package var confirmTimeout: Duration
        /// The maximum number of requests that wait to be published or confirmed.
        package var capacity: Int
        /// The connection name in `rabbitmqctl list_connections`.
        package var name: String

        package init(
            addresses: [BrokerAddress], heartbeat: Int, confirmTimeout: Duration, capacity: Int, name: String,
            routes: Int, message: @escaping @Sendable (_ items: [Item], _ route: Int) -> OutgoingMessage,
            prepare: @escaping @Sendable (AMQPConnection, UInt16) throws(BrokerError) -> Void
        ) {
            self.addresses = addresses
            self.heartbeat = heartbeat
            self.confirmTimeout = confirmTimeout
            self.capacity = capacity
            self.name = name
            self.routes = routes
            self.message = message
            self.prepare = prepare
        }
    }

    /// Receives the outcome of a request.
    package typealias Completion = @Sendable (Result<Void, PublishError>) -> Void
    private typealias State = PublisherState<Item, Completion>

    private let configuration: Configuration
    private let logger: Logger
    private let state: Mutex<State>
    private let stop = StopSignal()
    /// The longest time that the publisher thread may be blocked by a full socket before the connection counts as lost.
    private let watchdog = SendWatchdog(limit: .seconds(5))

    /// Creates a publisher. It connects once ``run()`` is called.
    package init(_ configuration: Configuration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        let limits = State.Limits(
            capacity: configuration.capacity, itemsPerMessage: configuration.itemsPerMessage,
            messagesPerRoute: configuration.messagesPerRoute,
            fullMessagesPerRoute: configuration.fullMessagesPerRoute)
        state = Mutex(State(routes: configuration.routes, limits: limits))
    }

    /// Publishes an item and waits for the publisher confirm of its message.
    ///
    /// - Throws: ``PublishError``, after the confirm timeout at the latest.
    package func publish(_ item: Item, route: Int) async throws(PublishError) {
        let result: Result<Void, PublishError> = await withCheckedContinuation { waiter in
            publish(item, route: route) { waiter.resume(returning: $0) }
        }
        try result.get()
    }

    /// Publishes an item and calls `completion` when its message is confirmed, after the confirm timeout at the latest.
    ///
    /// - Parameter completion: runs on a thread of the publisher, so it must not block. A request that cannot be queued is
    ///   answered at once, on the caller's thread.
    package func publish(_ item: Item, route: Int, completion: @escaping Completion) {
        let deadline = ContinuousClock.now + configuration.confirmTimeout
        switch state.withLock({ $0.enqueue(item, route: route, deadline: deadline, waiter: completion) }) {
        case .refused(let error): completion(.failure(error))
        case .queued: break
        case .wake: stop.wake.raise()
        }
    }

    /// Why messages cannot be published at present; nil if they can.
    package var unavailableReason: String? {
        switch state.withLock({ $0.phase }) {
        case .open: nil
        case .disconnected(let reason): reason
        case .blocked(let reason): "the broker blocks publishers: \(reason)"
        case .stopping: "shutting down"
        }
    }

    package func run() async throws {
        let finished = StopSignal()
        await withDiscardingTaskGroup { group in
            group.addTask {
                await BlockingThread.run(name: "publish-expiry") { self.expireRequests(until: finished) }
            }
            await withTaskCancellationHandler {
                await withGracefulShutdownHandler {
                    await BlockingThread.run(name: "publisher") { self.work() }
                } onGracefulShutdown: {
                    self.shutDown()
                }
            } onCancel: {
                self.shutDown()
            }
            finished.request()
        }
    }

    private func shutDown() {
        state.withLock { $0.stop() }
        stop.request()
    }

    /// Fails requests whose deadline has passed, even while the publisher thread is blocked by a full socket, and ends a
    /// connection that blocks the thread.
    private func expireRequests(until finished: StopSignal) {
        while !finished.isRequested {
            finished.wait(atMost: .milliseconds(100))
            let expired = state.withLock { $0.expire(now: .now) }
            for answer in expired { answer(.failure(.timeout)) }
            if watchdog.check() { logger.warning("the broker reads nothing, publisher disconnects") }
        }
    }

    // MARK: Publisher thread

    private func work() {
        var nextAddress = 0
        stop.retrying { connected in
            let address = configuration.addresses[nextAddress % configuration.addresses.count]
            nextAddress += 1
            let connection = try ConfirmedPublisher<State.Batch>(
                anyOf: [address], heartbeat: configuration.heartbeat, name: configuration.name,
                confirmTimeout: configuration.confirmTimeout, prepare: configuration.prepare)
            logger.info("publisher connected", metadata: ["broker.address": "\(address)"])
            state.withLock { $0.connected() }
            connected()
            try serve(connection)
            connection.close()
        } onFailure: { error, pause in
            let waiters = state.withLock { $0.disconnected(reason: "no connection to the broker") }
            for answer in waiters { answer(.failure(.connectionLost)) }
            logger.warning(
                "publisher connection failed, retrying",
                metadata: ["error": "\(error)", "retry.in": "\(pause)", "unconfirmed": "\(waiters.count)"])
        }
        let waiters = state.withLock { $0.disconnected(reason: "shutting down") }
        for answer in waiters { answer(.failure(.stopping)) }
    }

    /// Publishes and receives confirms until the stop is requested and every request is answered.
    private func serve(_ connection: ConfirmedPublisher<State.Batch>) throws(BrokerError) {
        var blockedReason: String?
        while true {
            let batches = state.withLock { $0.takeWaiting() }
            let messages = batches.map { (message: configuration.message($0.items, $0.route), waiter: $0) }
            // Receiving can block as well, in sending a heartbeat.
            let outcomes = try watchdog.watch(connection.socket) { () throws(BrokerError) in
                try connection.publish(messages)
                return try connection.receive()
            }
            if !outcomes.isEmpty { answer(outcomes.map { ($0.waiter, $0.outcome) }) }
            if connection.blockedReason != blockedReason {
                blockedReason = connection.blockedReason
                updateBlocked(blockedReason)
            }
            if stop.isRequested, state.withLock({ $0.unanswered == 0 }) { return }
            if messages.isEmpty, outcomes.isEmpty { connection.wait(orSignal: stop.wake, atMost: .seconds(1)) }
        }
    }

    private func updateBlocked(_ reason: String?) {
        guard let reason else {
            logger.info("publisher unblocked by the broker")
            return state.withLock { $0.unblocked() }
        }
        logger.warning("publisher blocked by the broker", metadata: ["error": "\(reason)"])
        for answer in state.withLock({ $0.blocked(reason: reason) }) { answer(.failure(.blocked)) }
    }

    private func answer(_ outcomes: [(batch: State.Batch, outcome: PublishOutcome)]) {
        // Callers are answered outside of the lock, since they may publish again at once.
        for (answer, outcome) in state.withLock({ $0.resolve(outcomes) }) {
            switch outcome {
            case .confirmed: answer(.success(()))
            case .refused: answer(.failure(.refused))
            case .unroutable: answer(.failure(.unroutable))
            }
        }
    }
}
