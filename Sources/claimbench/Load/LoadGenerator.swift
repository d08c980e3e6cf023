import DequeModule
import NIOCore
import NIOPosix

/// Puts load on ClaimAPI from one event loop, which all of its state belongs to.
///
/// In an open loop, latency counts from the moment at which a request is due by the schedule, not from the moment at which
/// it is sent. Otherwise a server that stops for a second would delay the requests of that second without a trace in the
/// percentiles ("coordinated omission").
final class LoadGenerator {
    /// How often timeouts are looked for, and progress is reported.
    private static let checkInterval = TimeAmount.milliseconds(200)
    /// An event loop that wakes for each single request costs more CPU time than the request.
    private static let shortestSleep = TimeAmount.microseconds(200)

    private let plan: LoadPlan
    private let schedule: ArrivalSchedule?
    private let eventLoop: NIOIsolatedEventLoop
    private let connector: Connector
    private let reportsProgress: @Sendable (Measurements, TimeAmount) -> Void
    private let result: EventLoopPromise<LoadResult>

    private var measurements = Measurements()
    private var connections: [ClientConnection] = []
    private var idle = Deque<ClientConnection>()
    private var buffer = ByteBuffer()
    private var startedAt: NIODeadline?
    private var lastAnswer = NIODeadline.now()
    /// When sending ends. In an open loop, requests that are due may still wait for a connection for some time.
    private var lastSending = NIODeadline.distantFuture
    /// Requests that wait for their answer.
    private var waiting = 0
    private var isWakeUpScheduled = false
    private(set) var isDone = false

    /// - Parameter reportsProgress: is called several times a second with the time since the start.
    init(
        _ plan: LoadPlan, on eventLoop: any EventLoop,
        reportsProgress: @escaping @Sendable (Measurements, TimeAmount) -> Void
    ) {
        self.plan = plan
        self.schedule = plan.schedule
        self.eventLoop = eventLoop.assumeIsolated()
        self.reportsProgress = reportsProgress
        connector = Connector(plan, on: eventLoop)
        result = eventLoop.makePromise()
    }

    /// Opens the connections, sends the requests, and waits for their answers.
    ///
    /// - Returns: a future that fails with ``Unreachable`` if a connection cannot be opened at the start.
    func run() -> EventLoopFuture<LoadResult> {
        connector.openAll(for: self).assumeIsolated().whenComplete { opened in
            switch opened {
            case .success: self.start()
            case .failure(let error): self.fail(error)
            }
        }
        return result.futureResult
    }

    // MARK: - Events of the connections

    /// A connection is open, at the start or again.
    func connectionOpened(_ connection: ClientConnection) {
        connections.append(connection)
        guard !isDone else { return closeAll() }
        makeIdle(connection)
    }

    /// A request has got its answer.
    func answered(_ exchange: ClientConnection.Exchange, status: Int, on connection: ClientConnection) {
        let now = NIODeadline.now()
        lastAnswer = now
        waiting -= 1
        measurements.recordAnswer(status: status, after: now - exchange.due)
        if connection.isOpen { makeIdle(connection) } else { replace(connection) }
        finishIfDone(now)
    }

    /// A connection has ended, perhaps with a request that waits for its answer.
    func ended(_ connection: ClientConnection, unanswered: ClientConnection.Exchange?, _ failure: Measurements.Failure)
    {
        guard !isDone else { return }
        let now = NIODeadline.now()
        if let unanswered {
            waiting -= 1
            measurements.recordFailure(failure, after: now - unanswered.due)
        }
        replace(connection)
        finishIfDone(now)
    }

    private func makeIdle(_ connection: ClientConnection) {
        idle.append(connection)
        if startedAt != nil { sendWhatIsDue() }
    }

    private func replace(_ connection: ClientConnection) {
        connections.removeAll { $0 === connection }
        guard !isDone else { return }
        connector.reopen(for: self) { self.measurements.recordFailedConnection() }
    }

    // MARK: - Sending

    private func start() {
        let now = NIODeadline.now()
        startedAt = now
        lastAnswer = now
        if let schedule {
            lastSending = now + .nanoseconds(schedule.time(of: max(0, schedule.total - 1))) + plan.timeout
        } else if let duration = plan.duration {
            lastSending = now + duration
        }
        sendWhatIsDue()
        check()
    }

    private func sendWhatIsDue() {
        guard let startedAt, !isDone else { return }
        let now = NIODeadline.now()
        let limit = dueCount(now, startedAt)
        while measurements.sent < limit, let connection = idle.popFirst() {
            // A connection that the server has closed is being replaced.
            guard connection.isOpen else { continue }
            let index = measurements.sent
            let due = schedule.map { startedAt + .nanoseconds($0.time(of: index)) } ?? now
            buffer.clear()
            plan.request.write(index, to: &buffer)
            waiting += 1
            measurements.recordSending(after: now - due)
            connection.send(buffer, due: due, now: now)
        }
        wakeForNextArrival(now, startedAt)
    }

    /// The number of requests that should have been sent by now.
    private func dueCount(_ now: NIODeadline, _ startedAt: NIODeadline) -> Int {
        guard now < lastSending else { return 0 }
        return schedule?.due(by: (now - startedAt).nanoseconds) ?? plan.count ?? .max
    }

    private func wakeForNextArrival(_ now: NIODeadline, _ startedAt: NIODeadline) {
        guard let schedule, !isWakeUpScheduled, !idle.isEmpty, measurements.sent < schedule.total else { return }
        let due = startedAt + .nanoseconds(schedule.time(of: measurements.sent))
        isWakeUpScheduled = true
        eventLoop.scheduleTask(deadline: max(due, now + Self.shortestSleep)) {
            self.isWakeUpScheduled = false
            self.sendWhatIsDue()
        }
    }

    // MARK: - The end

    private func check() {
        guard !isDone, let startedAt else { return }
        let now = NIODeadline.now()
        for connection in connections {
            if let exchange = connection.exchange, now - exchange.sentAt > plan.timeout { connection.end(.timeout) }
        }
        reportsProgress(measurements, now - startedAt)
        finishIfDone(now)
        if !isDone { eventLoop.scheduleTask(in: Self.checkInterval) { self.check() } }
    }

    private func finishIfDone(_ now: NIODeadline) {
        guard let startedAt, !isDone else { return }
        let total = schedule?.total ?? plan.count ?? .max
        let hasSentAll = measurements.sent >= total || now >= lastSending
        // Without connections, a run that only a number of requests ends would not end.
        let hasGivenUp =
            waiting == 0 && now - lastAnswer > plan.timeout + plan.timeout && measurements.failures.count > 0
        guard hasSentAll && waiting == 0 || hasGivenUp else { return }
        isDone = true
        if let schedule {
            for index in measurements.sent..<max(measurements.sent, schedule.due(by: (now - startedAt).nanoseconds)) {
                measurements.recordUnsent(after: now - (startedAt + .nanoseconds(schedule.time(of: index))))
            }
        }
        result.succeed(LoadResult(measurements: measurements, duration: max(lastAnswer, startedAt) - startedAt))
        closeAll()
    }

    private func fail(_ error: any Error) {
        isDone = true
        result.fail(error)
        closeAll()
    }

    private func closeAll() {
        for connection in connections { connection.end(.connectionLost) }
        connections = []
        idle = []
    }
}

/// What a run has measured.
struct LoadResult: Sendable {
    let measurements: Measurements
    /// From the start of the first request to the last answer.
    let duration: TimeAmount
}
