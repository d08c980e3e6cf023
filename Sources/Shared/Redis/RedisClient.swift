package import Logging
internal import RuntimeSupport
internal import ServiceLifecycle
internal import Synchronization

/// A Redis client for many asynchronous callers: one connection on a dedicated thread, one round trip for all waiting
/// requests.
///
/// Callers must be able to do without Redis: while there is no connection, every request fails at once and the thread
/// keeps reconnecting in the background.
package final class RedisClient: Sendable {
    /// Receives the replies to the commands of one request, in order. Runs on the client's thread, so it must not block.
    typealias Completion = @Sendable (Result<ArraySlice<RedisReply>, RedisError>) -> Void

    private struct PendingRequest: Sendable {
        var commands: [RedisCommand]
        /// Nil if no caller waits for the replies.
        var completion: Completion?
    }

    private let address: RedisAddress
    private let logger: Logger
    private let mailbox = Mailbox<PendingRequest>(capacity: 20_000)
    private let unavailability = Mutex<String?>("connecting to Redis")
    /// The longest time to connect, and to wait for a reply before the connection counts as lost.
    private static let timeout = Duration.milliseconds(500)
    /// The time between two calls of ``upkeep``.
    private static let upkeepInterval = Duration.seconds(10)
    private let upkeep: @Sendable (RedisConnection) throws(RedisError) -> Void

    /// Creates a client. It connects once ``run()`` is called.
    ///
    /// - Parameter upkeep: called with each new connection before any request, and every 10 s.
    package init(
        _ address: RedisAddress, logger: Logger,
        upkeep: @escaping @Sendable (RedisConnection) throws(RedisError) -> Void = { _ in }
    ) {
        self.address = address
        self.logger = logger
        self.upkeep = upkeep
    }

    /// Why Redis cannot be used at present; nil if it can.
    package var unavailableReason: String? {
        unavailability.withLock { $0 }
    }

    /// Queues commands that are sent in one pipeline, and calls `completion` with their replies.
    ///
    /// Without a connection, or with a full queue, it calls `completion` with an error at once, on the caller's thread.
    /// - Parameter completion: nil if the replies do not matter.
    func post(_ commands: [RedisCommand], completion: Completion? = nil) {
        let refusal: String
        if let unavailableReason {
            refusal = unavailableReason
        } else if mailbox.post(PendingRequest(commands: commands, completion: completion)) {
            return
        } else {
            refusal = "the Redis request queue is full or closed"
        }
        completion?(.failure(RedisError(refusal)))
    }

    private func work() {
        var backoff = Backoff()
        while !mailbox.isClosed {
            do throws(RedisError) {
                let connection = try RedisConnection(address, timeout: Self.timeout)
                logger.info("redis connected", metadata: ["redis.address": "\(address)"])
                try upkeep(connection)
                backoff.reset()
                unavailability.withLock { $0 = nil }
                try serve(connection)
            } catch {
                unavailability.withLock { $0 = "no connection to Redis" }
                let pause = backoff.next()
                logger.warning(
                    "redis connection failed, retrying",
                    metadata: ["error": "\(error)", "retry.in": "\(pause)"])
                let end = ContinuousClock.now + pause
                // Requests that were queued before `unavailability` was set must not wait for the next connection.
                while !mailbox.isClosed, ContinuousClock.now < end {
                    fail(mailbox.take(atMost: .max, waiting: end - .now), with: error)
                }
            }
        }
        fail(mailbox.takeWaiting(atMost: .max), with: RedisError("shutting down"))
    }

    private func serve(_ connection: RedisConnection) throws(RedisError) {
        var lastUse = ContinuousClock.now
        var lastUpkeep = lastUse
        while true {
            if ContinuousClock.now - lastUpkeep > Self.upkeepInterval {
                try upkeep(connection)
                lastUpkeep = .now
            }
            let requests = mailbox.take(atMost: 512, waiting: .seconds(1))
            if requests.isEmpty {
                if mailbox.isClosed { return }
                // Checks an idle connection, so that a lost one is noticed before the next request.
                if ContinuousClock.now - lastUse > .seconds(1) { _ = try connection.send(["PING"]) }
                continue
            }
            lastUse = .now
            do throws(RedisError) {
                var replies = try connection.pipeline(requests.flatMap(\.commands))[...]
                for request in requests {
                    request.completion?(.success(replies.prefix(request.commands.count)))
                    replies = replies.dropFirst(request.commands.count)
                }
            } catch {
                fail(requests, with: error)
                throw error
            }
        }
    }

    private func fail(_ requests: [PendingRequest], with error: RedisError) {
        for request in requests { request.completion?(.failure(error)) }
    }
}

extension RedisClient: Service {
    package func run() async throws {
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await BlockingThread.run(name: "redis") { self.work() }
            } onGracefulShutdown: {
                self.mailbox.close()
            }
        } onCancel: {
            self.mailbox.close()
        }
    }
}
