package import Logging
internal import ServiceLifecycle
internal import OrderedCollections
internal import Synchronization

/// Publishes with confirms for many callers over one connection, on a thread of its own.
///
/// Callers meet the thread through a queue; it publishes all that is waiting, and each caller goes on when its own
/// confirm has come. The connection is made again when it is lost, at the next of the given addresses.
package final class Publisher: Service {
    /// How the publisher connects and how much it takes.
    package struct Configuration: Sendable {
        package var addresses: [BrokerAddress]
        package var topology: Topology
        /// Seconds.
        package var heartbeat: Int
        /// The longest wait for a confirm.
        package var confirmTimeout: Duration
        /// How many messages may wait for being published or confirmed.
        package var capacity: Int
        /// Shown by `rabbitmqctl list_connections`.
        package var name: String

        package init(
            addresses: [BrokerAddress], topology: Topology, heartbeat: Int, confirmTimeout: Duration, capacity: Int,
            name: String
        ) {
            self.addresses = addresses
            self.topology = topology
            self.heartbeat = heartbeat
            self.confirmTimeout = confirmTimeout
            self.capacity = capacity
            self.name = name
        }
    }

    private typealias Waiter = CheckedContinuation<Result<Void, PublishError>, Never>

    private let configuration: Configuration
    private let logger: Logger
    private let state: Mutex<PublisherState<Waiter>>
    private let wake = WakeSignal()
    private static let channel: UInt16 = 1

    package init(_ configuration: Configuration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        state = Mutex(PublisherState(capacity: configuration.capacity))
    }

    /// Publishes a message and waits for the broker's confirm.
    ///
    /// - Throws: ``PublishError``, within the confirm timeout at the latest.
    package func publish(_ message: BrokerMessage, exchange: String, routingKey: String) async throws(PublishError) {
        let deadline = ContinuousClock.now + configuration.confirmTimeout
        let result: Result<Void, PublishError> = await withCheckedContinuation { waiter in
            let (refusal, isFirst) = state.withLock { state in
                let refusal = state.enqueue(
                    .init(
                        message: message, exchange: exchange, routingKey: routingKey, deadline: deadline,
                        waiter: waiter))
                return (refusal, state.waitingCount == 1)
            }
            if let refusal {
                waiter.resume(returning: .failure(refusal))
            } else if isFirst {
                wake.raise()
            }
        }
        try result.get()
    }

    /// What keeps it from taking messages, in words; nil if it can take them.
    package var obstacle: String? {
        state.withLock { state in
            switch state.phase {
            case .open: nil
            case .disconnected(let reason): reason
            case .blocked(let reason): "the broker takes no messages: \(reason)"
            case .stopping: "stopping"
            }
        }
    }

    package func run() async throws {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.expireLoop() }
                await BlockingThread.run(name: "publisher") { self.work() }
                group.cancelAll()
            }
        } onGracefulShutdown: {
            self.state.withLock { $0.stop() }
            self.wake.raise()
        }
    }

    /// Answers those who have waited too long, whatever the thread is busy with: a full socket can hold it for seconds.
    private func expireLoop() async {
        while (try? await Task.sleep(for: .milliseconds(100))) != nil {
            let late = state.withLock { $0.expire(now: .now) }
            for waiter in late { waiter.resume(returning: .failure(.timeout)) }
        }
    }

    // MARK: On the thread

    private func work() {
        var backoff = Backoff()
        var turn = 0
        var sequence = PublishSequence()
        while !isStopping {
            let address = configuration.addresses[turn % configuration.addresses.count]
            turn += 1
            do throws(BrokerError) {
                let connection = try connect(to: address)
                logger.info("publisher connected", metadata: ["broker.address": "\(address)"])
                backoff.reset()
                try serve(connection, numberedBy: &sequence)
                connection.close()
            } catch {
                let waiters = state.withLock { $0.disconnected(reason: "no connection to the broker") }
                for waiter in waiters { waiter.resume(returning: .failure(.connectionLost)) }
                let pause = backoff.next()
                logger.warning(
                    "publisher has no connection, trying again",
                    metadata: ["error": "\(error)", "retry.in": "\(pause)", "unconfirmed": "\(waiters.count)"])
                if !isStopping { wake.wait(atMost: pause) }
            }
        }
        let waiters = state.withLock { $0.disconnected(reason: "stopping") }
        for waiter in waiters { waiter.resume(returning: .failure(.stopping)) }
    }

    private func connect(to address: BrokerAddress) throws(BrokerError) -> AMQPConnection {
        let connection = try AMQPConnection(address, heartbeat: configuration.heartbeat, name: configuration.name)
        try connection.openChannel(Self.channel)
        try configuration.topology.declare(on: connection, channel: Self.channel)
        try connection.selectConfirms(channel: Self.channel)
        state.withLock { $0.connected() }
        return connection
    }

    /// Publishes and hears confirms until told to stop and nothing is under way.
    private func serve(
        _ connection: AMQPConnection, numberedBy sequence: inout PublishSequence
    ) throws(BrokerError) {
        while true {
            let requests = state.withLock { $0.takeWaiting(atMost: 512) }
            if !requests.isEmpty {
                try connection.gathered { () throws(BrokerError) in
                    for request in requests {
                        var message = request.message
                        message.properties.headers[ClaimHeaders.sequence] = .int64(sequence.next())
                        try connection.publish(
                            message, exchange: request.exchange, routingKey: request.routingKey,
                            channel: Self.channel)
                    }
                }
            }
            while let event = try connection.nextEvent() { hear(event) }
            let (isStalled, isDone) = state.withLock { ($0.isStalled, $0.phase == .stopping && $0.unsettled == 0) }
            if isStalled {
                throw BrokerError(.timeout, "no publisher confirm within \(configuration.confirmTimeout)")
            }
            if isDone { return }
            if requests.isEmpty { connection.wait(orSignal: wake, atMost: .seconds(1)) }
        }
    }

    private func hear(_ event: BrokerEvent) {
        switch event {
        case .confirmed(let tag, let multiple):
            settle(tag: tag, multiple: multiple, confirmed: true)
        case .refused(let tag, let multiple):
            settle(tag: tag, multiple: multiple, confirmed: false)
        case .returned(let messageID, let reason):
            logger.error("message returned", metadata: ["claim.id": "\(messageID ?? "-")", "error": "\(reason)"])
            state.withLock { $0.returned(messageID: messageID) }
        case .blocked(let reason):
            logger.warning("publisher blocked by the broker", metadata: ["error": "\(reason)"])
            for waiter in state.withLock({ $0.blocked(reason: reason) }) {
                waiter.resume(returning: .failure(.blocked))
            }
        case .unblocked:
            logger.info("publisher unblocked by the broker")
            state.withLock { $0.unblocked() }
        case .delivered, .consumerCancelled:
            break
        }
    }

    private func settle(tag: UInt64, multiple: Bool, confirmed: Bool) {
        // The waiters are resumed outside of the lock: they run at once and may publish again.
        for (waiter, outcome) in state.withLock({ $0.settle(tag: tag, multiple: multiple, confirmed: confirmed) }) {
            switch outcome {
            case .confirmed: waiter.resume(returning: .success(()))
            case .refused: waiter.resume(returning: .failure(.refused))
            case .unroutable: waiter.resume(returning: .failure(.unroutable))
            }
        }
    }

    private var isStopping: Bool {
        state.withLock { $0.phase == .stopping }
    }
}

/// Numbers for ``ClaimHeaders/sequence``: the clock's microseconds, and always more than the one before.
package struct PublishSequence {
    private var last: Int64 = 0

    package init() {}

    package mutating func next() -> Int64 {
        last = max(last + 1, WallClock.microseconds())
        return last
    }
}
