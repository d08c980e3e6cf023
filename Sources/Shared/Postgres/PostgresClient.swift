package import Logging
internal import RuntimeSupport
internal import ServiceLifecycle
internal import Synchronization

/// A PostgreSQL client for many asynchronous callers: a few connections, each on a dedicated thread.
///
/// While there is no connection, every call fails at once and the threads keep reconnecting in the background. After the
/// start, calls wait until the first attempt to connect has ended. A call that waits too long for a free connection fails,
/// and its work is not started.
package final class PostgresClient: Sendable {
    package struct Configuration: Sendable {
        package var address: PostgresAddress
        /// The application name in `pg_stat_activity`.
        package var name: String
        /// The number of connections, and so of statements that can run at once.
        package var connections: Int
        /// The longest wait of a call for a free connection.
        package var patience: Duration
        /// Checks a new connection, and one that is in use every few seconds. ``PostgresError/Mismatch/setting`` ends
        /// the client; any other error counts as an outage.
        package var check: @Sendable (PostgresConnection) throws(PostgresError) -> Void

        package init(
            _ address: PostgresAddress, name: String, connections: Int, patience: Duration,
            check: @escaping @Sendable (PostgresConnection) throws(PostgresError) -> Void = { _ in }
        ) {
            self.address = address
            self.name = name
            self.connections = connections
            self.patience = patience
            self.check = check
        }
    }

    private let configuration: Configuration
    private let logger: Logger
    private let jobs = PostgresJobs(capacity: 5000)
    /// Nil from the start of ``run()`` until the first attempt to connect has ended.
    private let openConnections = Mutex<Int?>(0)
    private let availability = Mutex(PostgresAvailability())
    private let stop = StopSignal()
    /// The error that ended the client; nil if it was asked to stop.
    private let endingError = Mutex<PostgresError?>(nil)
    /// Shorter than the defaults, because a caller waits for each answer.
    private static let timeouts = PostgresConnection.Timeouts(
        lock: .seconds(1), statement: .seconds(2), answer: .seconds(3))
    private static let checkInterval = Duration.seconds(5)

    /// Creates a client. It connects once ``run()`` is called.
    package init(_ configuration: Configuration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Why PostgreSQL cannot be used at present; nil if it can.
    package var unavailableReason: String? {
        openConnections.withLock { $0 ?? 0 } > 0 ? nil : Self.noConnection
    }

    private static let noConnection = "no connection to PostgreSQL"

    /// Runs `body` with a connection, on the thread of that connection, and returns its result.
    ///
    /// - Parameter patience: shortens ``Configuration/patience``; nil to leave it.
    /// - Throws: ``PostgresError`` from `body`; at once if there is no connection or the queue is full; or after
    ///   ``Configuration/patience`` if no connection became free, and `body` does not run then.
    package func run<Value: Sendable>(
        patience: Duration? = nil,
        _ body: @escaping @Sendable (PostgresConnection) throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        if openConnections.withLock({ $0 }) == 0 { throw PostgresError(sqlState: nil, message: Self.noConnection) }
        let patience = min(patience ?? configuration.patience, configuration.patience)
        let deadline = ContinuousClock.now + patience
        let result: Result<Value, PostgresError> = await withCheckedContinuation { caller in
            jobs.post(
                PostgresJobs.Job(deadline: deadline) { connection in
                    caller.resume(
                        returning: connection.flatMap { connection in
                            do throws(PostgresError) {
                                return .success(try body(connection))
                            } catch {
                                return .failure(error)
                            }
                        })
                })
        }
        do throws(PostgresError) {
            let value = try result.get()
            note(nil)
            return value
        } catch {
            note(error)
            throw error
        }
    }

    /// Records the result of a call or of connecting, and logs the begin and the end of an outage.
    private func note(_ error: PostgresError?) {
        let failure = error.flatMap { $0.mayBeOutage ? $0 : nil }
        guard failure == nil || !stop.isRequested else { return }
        let change = availability.withLock { availability in
            failure == nil ? availability.succeeded(at: .now) : availability.failed(at: .now)
        }
        var metadata: Logger.Metadata = ["postgres.client": "\(configuration.name)"]
        switch change {
        case nil: return
        case .connected: logger.info("postgres connected", metadata: metadata)
        case .lost:
            metadata["error"] = failure.map { "\($0)" }
            logger.warning("postgres unavailable or too slow, retrying", metadata: metadata)
        case .recovered(let time):
            metadata["outage.seconds"] = "\(time.wholeMilliseconds / 1000)"
            logger.info("postgres available again", metadata: metadata)
        }
    }

    private func work() {
        var backoff = Backoff()
        while !stop.isRequested {
            do throws(PostgresError) {
                let connection = try PostgresConnection(
                    configuration.address, name: configuration.name, timeouts: Self.timeouts)
                try configuration.check(connection)
                note(nil)
                backoff.reset()
                openConnections.withLock { $0 = ($0 ?? 0) + 1 }
                defer { openConnections.withLock { $0 = ($0 ?? 1) - 1 } }
                try serve(connection)
            } catch {
                if error.mismatch == .setting {
                    endingError.withLock { $0 = error }
                    shutDown()
                }
                note(error)
                openConnections.withLock { $0 = $0 ?? 0 }
                failJobs(for: backoff.next(), with: error)
            }
        }
        jobs.failAll(with: PostgresError(sqlState: nil, message: "shutting down"))
    }

    /// Waits for `pause`. During the wait it fails all jobs, unless another thread has a connection and can run them.
    private func failJobs(for pause: Duration, with error: PostgresError) {
        let end = ContinuousClock.now + pause
        while !stop.isRequested, ContinuousClock.now < end {
            guard unavailableReason != nil else { return stop.wait(atMost: end - .now) }
            if let job = jobs.next(waiting: end - .now) { job.end(.failure(error)) }
        }
    }

    /// Runs one job after another until the connection is lost or the client stops and no job is left.
    ///
    /// - Throws: the error of a check that found a mismatch.
    private func serve(_ connection: PostgresConnection) throws(PostgresError) {
        var nextCheck = ContinuousClock.now + Self.checkInterval
        while true {
            let job = jobs.next(waiting: .seconds(1))
            if job == nil, stop.isRequested { return }
            guard connection.isAlive else {
                // The job has not been started, so another connection, or the next one, can run it.
                if let job { jobs.post(job) }
                return
            }
            job?.end(.success(connection))
            guard ContinuousClock.now >= nextCheck else { continue }
            nextCheck = .now + Self.checkInterval
            do throws(PostgresError) {
                try configuration.check(connection)
                note(nil)
            } catch  where error.mismatch == nil {
                // The server is slow or gone. The next job shows which.
                continue
            }
        }
    }
}

extension PostgresClient: Service {
    /// Serves until graceful shutdown or cancellation.
    ///
    /// - Throws: the error of a check that found that a setting contradicts the database.
    package func run() async throws {
        openConnections.withLock { $0 = nil }
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await withDiscardingTaskGroup { group in
                    for number in 1...configuration.connections {
                        group.addTask { await BlockingThread.run(name: "postgres-\(number)") { self.work() } }
                    }
                    group.addTask { await self.jobs.expire(until: self.stop) }
                }
            } onGracefulShutdown: {
                self.shutDown()
            }
        } onCancel: {
            self.shutDown()
        }
        if let error = endingError.withLock({ $0 }) { throw error }
    }

    private func shutDown() {
        stop.request()
        jobs.close()
    }
}
