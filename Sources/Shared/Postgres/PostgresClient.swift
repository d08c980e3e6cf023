package import Logging
internal import RuntimeSupport
internal import ServiceLifecycle
internal import Synchronization

/// PostgreSQL for many asynchronous callers: a few connections, each on a thread of its own.
///
/// While no connection stands every call fails at once, and the threads go on trying.
package final class PostgresClient: Sendable {
    /// Is given a connection, or the reason why there is none.
    private typealias Job = @Sendable (Result<PostgresConnection, PostgresError>) -> Void

    private let url: String
    private let name: String
    private let connections: Int
    private let logger: Logger
    private let mailbox = Mailbox<Job>(capacity: 5000)
    private let standing = Mutex(0)
    private let closing = WakeSignal()
    /// Somebody waits for each answer.
    private static let timeouts = PostgresConnection.Timeouts(
        lock: .seconds(1), statement: .seconds(2), answer: .seconds(3))

    /// - Parameters:
    ///   - name: shown in `pg_stat_activity`.
    ///   - connections: how many statements can run at once.
    package init(_ url: String, name: String, connections: Int, logger: Logger) {
        self.url = url
        self.name = name
        self.connections = connections
        self.logger = logger
    }

    /// What keeps it from being used, in words; nil if it can be used.
    package var unavailableReason: String? {
        standing.withLock { $0 } > 0 ? nil : "no connection to PostgreSQL"
    }

    /// Runs `body` with a connection, on that connection's thread.
    ///
    /// - Throws: ``PostgresError``.
    package func run<Value: Sendable>(
        _ body: @escaping @Sendable (PostgresConnection) throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        if let unavailableReason { throw PostgresError(sqlState: nil, message: unavailableReason) }
        let result: Result<Value, PostgresError> = await withCheckedContinuation { caller in
            let isPosted = mailbox.post { connection in
                caller.resume(
                    returning: connection.flatMap { connection in
                        do throws(PostgresError) {
                            return .success(try body(connection))
                        } catch {
                            return .failure(error)
                        }
                    })
            }
            if !isPosted {
                caller.resume(
                    returning: .failure(PostgresError(sqlState: nil, message: "too many requests wait for PostgreSQL")))
            }
        }
        return try result.get()
    }

    private func work() {
        var backoff = Backoff()
        while !mailbox.isClosed {
            do throws(PostgresError) {
                let connection = try PostgresConnection(url, name: name, timeouts: Self.timeouts)
                logger.info("postgres connected")
                backoff.reset()
                standing.withLock { $0 += 1 }
                defer { standing.withLock { $0 -= 1 } }
                serve(connection)
            } catch {
                let pause = backoff.next()
                logger.warning(
                    "postgres has no connection, trying again",
                    metadata: ["error": "\(error)", "retry.in": "\(pause)"])
                failWaiting(for: pause, because: error)
            }
        }
        for job in mailbox.takeWaiting(atMost: .max) {
            job(.failure(PostgresError(sqlState: nil, message: "stopping")))
        }
    }

    /// Waits, and meanwhile tells callers at once that nobody is connected; if others are, the callers are theirs.
    private func failWaiting(for pause: Duration, because error: PostgresError) {
        let end = ContinuousClock.now + pause
        while !mailbox.isClosed, ContinuousClock.now < end {
            guard unavailableReason != nil else { return closing.wait(atMost: end - .now) }
            for job in mailbox.take(atMost: .max, waiting: end - .now) { job(.failure(error)) }
        }
    }

    /// Does one job after another until the connection is lost or the mailbox closed.
    private func serve(_ connection: PostgresConnection) {
        while true {
            let jobs = mailbox.take(atMost: 1, waiting: .seconds(1))
            if jobs.isEmpty, mailbox.isClosed { return }
            guard connection.isAlive else {
                // They were not begun, so they are for another connection, or for the next one.
                for job in jobs where !mailbox.post(job) {
                    job(.failure(PostgresError(sqlState: nil, message: "the connection was lost")))
                }
                return
            }
            for job in jobs { job(.success(connection)) }
        }
    }
}

extension PostgresClient: Service {
    package func run() async throws {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                for number in 1...connections {
                    group.addTask { await BlockingThread.run(name: "postgres-\(number)") { self.work() } }
                }
            }
        } onGracefulShutdown: {
            self.mailbox.close()
            self.closing.raise()
        }
    }
}
