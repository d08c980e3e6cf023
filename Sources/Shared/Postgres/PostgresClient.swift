package import Logging
internal import RuntimeSupport
internal import ServiceLifecycle
internal import Synchronization

/// A PostgreSQL client for many asynchronous callers: a few connections, each on a dedicated thread.
///
/// While there is no connection, every call fails at once and the threads keep reconnecting in the background.
package final class PostgresClient: Sendable {
    /// Work for a connection; called with an error if there is no connection.
    private typealias Job = @Sendable (Result<PostgresConnection, PostgresError>) -> Void

    private let url: String
    private let name: String
    private let connections: Int
    private let logger: Logger
    private let mailbox = Mailbox<Job>(capacity: 5000)
    private let openConnections = Mutex(0)
    private let closeSignal = WakeSignal()
    /// Shorter than the defaults, because a caller waits for each answer.
    private static let timeouts = PostgresConnection.Timeouts(
        lock: .seconds(1), statement: .seconds(2), answer: .seconds(3))

    /// Creates a client. It connects once ``run()`` is called.
    ///
    /// - Parameters:
    ///   - url: `postgres://…` or any other libpq connection string.
    ///   - name: the application name in `pg_stat_activity`.
    ///   - connections: the number of connections, and so of statements that can run at once.
    package init(_ url: String, name: String, connections: Int, logger: Logger) {
        self.url = url
        self.name = name
        self.connections = connections
        self.logger = logger
    }

    /// Why PostgreSQL cannot be used at present; nil if it can.
    package var unavailableReason: String? {
        openConnections.withLock { $0 } > 0 ? nil : "no connection to PostgreSQL"
    }

    /// Runs `body` with a connection, on the thread of that connection, and returns its result.
    ///
    /// - Throws: ``PostgresError`` from `body`, or at once if there is no connection or the queue is full.
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
                    returning: .failure(
                        PostgresError(sqlState: nil, message: "the PostgreSQL request queue is full or closed")))
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
                openConnections.withLock { $0 += 1 }
                defer { openConnections.withLock { $0 -= 1 } }
                serve(connection)
            } catch {
                let pause = backoff.next()
                logger.warning(
                    "postgres connection failed, retrying",
                    metadata: ["error": "\(error)", "retry.in": "\(pause)"])
                failJobs(for: pause, with: error)
            }
        }
        for job in mailbox.takeWaiting(atMost: .max) {
            job(.failure(PostgresError(sqlState: nil, message: "shutting down")))
        }
    }

    /// Waits for `pause`. Meanwhile it fails all jobs, unless another thread has a connection and can run them.
    private func failJobs(for pause: Duration, with error: PostgresError) {
        let end = ContinuousClock.now + pause
        while !mailbox.isClosed, ContinuousClock.now < end {
            guard unavailableReason != nil else { return closeSignal.wait(atMost: end - .now) }
            for job in mailbox.take(atMost: .max, waiting: end - .now) { job(.failure(error)) }
        }
    }

    /// Runs one job after another until the connection is lost or the mailbox is closed and empty.
    private func serve(_ connection: PostgresConnection) {
        while true {
            let jobs = mailbox.take(atMost: 1, waiting: .seconds(1))
            if jobs.isEmpty, mailbox.isClosed { return }
            guard connection.isAlive else {
                // The jobs have not been started, so another connection, or the next one, can run them.
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
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await withDiscardingTaskGroup { group in
                    for number in 1...connections {
                        group.addTask { await BlockingThread.run(name: "postgres-\(number)") { self.work() } }
                    }
                }
            } onGracefulShutdown: {
                self.shutDown()
            }
        } onCancel: {
            self.shutDown()
        }
    }

    private func shutDown() {
        mailbox.close()
        closeSignal.raise()
    }
}
