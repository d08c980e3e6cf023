package import Logging
internal import RuntimeSupport
internal import ServiceLifecycle
internal import Synchronization

/// Publishes messages for many asynchronous callers over one connection, on a dedicated thread.
///
/// Callers add messages to a bounded queue. The thread publishes all waiting messages and resumes each caller when the
/// broker has confirmed its message. After a lost connection it connects to the next address.
package final class Publisher: Service {
    /// The addresses, limits and topology of a publisher.
    package struct Configuration: Sendable {
        package var addresses: [BrokerAddress]
        /// Declares the exchanges and queues that the messages need, on the given channel.
        package var prepare: @Sendable (AMQPConnection, UInt16) throws(BrokerError) -> Void
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
            prepare: @escaping @Sendable (AMQPConnection, UInt16) throws(BrokerError) -> Void
        ) {
            self.addresses = addresses
            self.heartbeat = heartbeat
            self.confirmTimeout = confirmTimeout
            self.capacity = capacity
            self.name = name
            self.prepare = prepare
        }
    }

    private typealias Waiter = CheckedContinuation<Result<Void, PublishError>, Never>

    private let configuration: Configuration
    private let logger: Logger
    private let state: Mutex<PublisherState<Waiter>>
    private let stop = StopSignal()

    /// Creates a publisher. It connects once ``run()`` is called.
    package init(_ configuration: Configuration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        state = Mutex(PublisherState(capacity: configuration.capacity))
    }

    /// Publishes a message and waits for its publisher confirm.
    ///
    /// - Throws: ``PublishError``, after the confirm timeout at the latest.
    package func publish(_ message: OutgoingMessage) async throws(PublishError) {
        let deadline = ContinuousClock.now + configuration.confirmTimeout
        let result: Result<Void, PublishError> = await withCheckedContinuation { waiter in
            let (refusal, isFirst) = state.withLock { state in
                (state.enqueue(message, deadline: deadline, waiter: waiter), state.waitingCount == 1)
            }
            if let refusal {
                waiter.resume(returning: .failure(refusal))
            } else if isFirst {
                stop.wake.raise()
            }
        }
        try result.get()
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

    /// Fails requests whose deadline has passed, even while the publisher thread is blocked by a full socket.
    private func expireRequests(until finished: StopSignal) {
        while !finished.isRequested {
            finished.wait(atMost: .milliseconds(100))
            let expired = state.withLock { $0.expire(now: .now) }
            for waiter in expired { waiter.resume(returning: .failure(.timeout)) }
        }
    }

    // MARK: Publisher thread

    private func work() {
        var nextAddress = 0
        stop.retrying { connected in
            let address = configuration.addresses[nextAddress % configuration.addresses.count]
            nextAddress += 1
            let connection = try ConfirmedPublisher<UInt64>(
                anyOf: [address], heartbeat: configuration.heartbeat, name: configuration.name,
                confirmTimeout: configuration.confirmTimeout, prepare: configuration.prepare)
            logger.info("publisher connected", metadata: ["broker.address": "\(address)"])
            state.withLock { $0.connected() }
            connected()
            try serve(connection)
            connection.close()
        } onFailure: { error, pause in
            let waiters = state.withLock { $0.disconnected(reason: "no connection to the broker") }
            for waiter in waiters { waiter.resume(returning: .failure(.connectionLost)) }
            logger.warning(
                "publisher connection failed, retrying",
                metadata: ["error": "\(error)", "retry.in": "\(pause)", "unconfirmed": "\(waiters.count)"])
        }
        let waiters = state.withLock { $0.disconnected(reason: "shutting down") }
        for waiter in waiters { waiter.resume(returning: .failure(.stopping)) }
    }

    /// Publishes and receives confirms until the stop is requested and every request is answered.
    private func serve(_ connection: ConfirmedPublisher<UInt64>) throws(BrokerError) {
        var blockedReason: String?
        while true {
            let waiting = state.withLock { $0.takeWaiting(atMost: 512) }
            try connection.publish(waiting.map { ($0.message, $0.number) })
            let outcomes = try connection.receive()
            if !outcomes.isEmpty { resume(outcomes.map { ($0.waiter, $0.outcome) }) }
            if connection.blockedReason != blockedReason {
                blockedReason = connection.blockedReason
                updateBlocked(blockedReason)
            }
            if stop.isRequested, state.withLock({ $0.unresolved == 0 }) { return }
            if waiting.isEmpty, outcomes.isEmpty { connection.wait(orSignal: stop.wake, atMost: .seconds(1)) }
        }
    }

    private func updateBlocked(_ reason: String?) {
        guard let reason else {
            logger.info("publisher unblocked by the broker")
            return state.withLock { $0.unblocked() }
        }
        logger.warning("publisher blocked by the broker", metadata: ["error": "\(reason)"])
        for waiter in state.withLock({ $0.blocked(reason: reason) }) {
            waiter.resume(returning: .failure(.blocked))
        }
    }

    private func resume(_ outcomes: [(number: UInt64, outcome: PublishOutcome)]) {
        // Callers are resumed outside of the lock, since they may publish again at once.
        for (waiter, outcome) in state.withLock({ $0.resolve(outcomes) }) {
            switch outcome {
            case .confirmed: waiter.resume(returning: .success(()))
            case .refused: waiter.resume(returning: .failure(.refused))
            case .unroutable: waiter.resume(returning: .failure(.unroutable))
            }
        }
    }
}
