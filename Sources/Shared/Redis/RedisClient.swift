package import Logging
internal import RuntimeSupport
internal import ServiceLifecycle
internal import Synchronization

/// Redis for many asynchronous callers: one connection on a thread of its own, one round trip for all that wait.
///
/// Nothing that matters lies in Redis, so a caller never waits for it to come back: while there is no connection every
/// call fails at once, and the thread goes on trying.
package final class RedisClient: Sendable {
    private struct Request: Sendable {
        var commands: [RedisCommand]
        /// Nil if nobody waits for the answer.
        var caller: CheckedContinuation<Result<[RedisReply], RedisError>, Never>?
    }

    private let address: RedisAddress
    private let logger: Logger
    private let mailbox = Mailbox<Request>(capacity: 20_000)
    private let unavailableText = Mutex<String?>("connecting to Redis")
    /// A Redis that takes longer than this is treated as gone.
    private static let timeout = Duration.milliseconds(500)

    package init(_ address: RedisAddress, logger: Logger) {
        self.address = address
        self.logger = logger
    }

    /// What keeps it from being used, in words; nil if it can be used.
    package var unavailableReason: String? {
        unavailableText.withLock { $0 }
    }

    /// Sends the commands in one go.
    ///
    /// - Returns: a reply for each.
    /// - Throws: ``RedisError``.
    func pipeline(_ commands: [RedisCommand]) async throws(RedisError) -> [RedisReply] {
        if let unavailableReason { throw RedisError(unavailableReason) }
        let result: Result<[RedisReply], RedisError> = await withCheckedContinuation { caller in
            if !mailbox.post(Request(commands: commands, caller: caller)) {
                caller.resume(returning: .failure(RedisError("too many requests wait for Redis")))
            }
        }
        return try result.get()
    }

    /// Queues commands whose replies are not needed.
    func post(_ commands: [RedisCommand]) {
        guard unavailableReason == nil else { return }
        _ = mailbox.post(Request(commands: commands))
    }

    private func work() {
        var backoff = Backoff()
        while !mailbox.isClosed {
            do throws(RedisError) {
                let connection = try RedisConnection(address, timeout: Self.timeout)
                logger.info("redis connected", metadata: ["redis.address": "\(address)"])
                backoff.reset()
                unavailableText.withLock { $0 = nil }
                try serve(connection)
            } catch {
                unavailableText.withLock { $0 = "no connection to Redis" }
                let pause = backoff.next()
                logger.warning(
                    "redis has no connection, trying again",
                    metadata: ["error": "\(error)", "retry.in": "\(pause)"])
                let end = ContinuousClock.now + pause
                // Those who slipped in before the unavailableReason was known must not wait for the next connection.
                while !mailbox.isClosed, ContinuousClock.now < end {
                    refuse(mailbox.take(atMost: .max, waiting: end - .now), because: error)
                }
            }
        }
        refuse(mailbox.takeWaiting(atMost: .max), because: RedisError("stopping"))
    }

    private func serve(_ connection: RedisConnection) throws(RedisError) {
        var lastUse = ContinuousClock.now
        while true {
            let requests = mailbox.take(atMost: 512, waiting: .seconds(1))
            if requests.isEmpty {
                if mailbox.isClosed { return }
                // An idle connection is tried now and then, so that readiness tells the truth.
                if ContinuousClock.now - lastUse > .seconds(1) { _ = try connection.send(["PING"]) }
                continue
            }
            lastUse = .now
            do throws(RedisError) {
                var replies = try connection.pipeline(requests.flatMap(\.commands))[...]
                for request in requests {
                    request.caller?.resume(returning: .success(Array(replies.prefix(request.commands.count))))
                    replies = replies.dropFirst(request.commands.count)
                }
            } catch {
                refuse(requests, because: error)
                throw error
            }
        }
    }

    private func refuse(_ requests: [Request], because error: RedisError) {
        for request in requests { request.caller?.resume(returning: .failure(error)) }
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
