import Claims
import DeadLetters
import Foundation
import Logging
import Redis
import RuntimeSupport
import ServiceLifecycle
import Synchronization

/// Runs long operations of one kind that operators start over HTTP, one after the other.
///
/// Changes of the dead-letter queue exclude each other anyway, and two audits at a time would only be slower. The state
/// of a job is copied to Redis, so that every API process can report it for a day.
final class OperatorJobs: Service {
    /// Does the work of a job, and returns its report.
    typealias Work = @Sendable (OperatorSession) async throws -> any Encodable & Sendable

    private struct Entry: Sendable {
        var job: OperatorJob
        var copiedAt: ContinuousClock.Instant?
    }

    private struct State {
        var entries: [String: Entry] = [:]
        /// The ids in the order of creation.
        var order: [String] = []
        var isClosed = false
    }

    /// The most jobs that wait or run.
    static let maximumOpen = 20
    /// The jobs that this process remembers.
    private static let remembered = 200
    /// The time between two copies of a job's progress.
    private static let copyInterval = Duration.seconds(1)

    /// The longest wait for another operator who has the dead-letter queue open.
    private static let patience = Duration.seconds(600)

    private let kind: String
    private let stores: StoreSettings
    private let redis: RedisClient
    private let logger: Logger
    private let state = Mutex(State())
    private let queue: AsyncStream<(id: String, work: Work)>
    private let enqueue: AsyncStream<(id: String, work: Work)>.Continuation

    /// - Parameter kind: one word, a part of the jobs' Redis keys.
    init(_ kind: String, _ stores: StoreSettings, redis: RedisClient, logger: Logger) {
        self.kind = kind
        self.stores = stores
        self.redis = redis
        self.logger = logger
        (queue, enqueue) = AsyncStream.makeStream()
    }

    /// Adds a job, which starts when those before it have ended.
    ///
    /// - Parameters:
    ///   - action: what the job does, in one word.
    ///   - subject: what the action is applied to, in one line.
    ///   - operatorName: recorded in the audit trail.
    /// - Throws: ``Problem`` `overloaded` if too many jobs are open.
    func start(
        _ action: String, on subject: String, by operatorName: String, _ work: @escaping Work
    ) throws(Problem) -> OperatorJob {
        var random = SystemRandomNumberGenerator()
        let id = Base32Hex.encode((0..<10).map { _ in UInt8.random(in: .min ... .max, using: &random) })
        let job = OperatorJob(id: id, action: action, subject: subject, startedBy: operatorName)
        let isAccepted = state.withLock { state in
            let open = state.entries.values.count { $0.job.endedAt == nil }
            guard !state.isClosed, open < Self.maximumOpen else { return false }
            state.entries[id] = Entry(job: job)
            state.order.append(id)
            if state.order.count > Self.remembered { state.entries[state.order.removeFirst()] = nil }
            return true
        }
        guard isAccepted else { throw .overloaded }
        enqueue.yield((id, work))
        return job
    }

    /// Returns a job as JSON; nil if it is unknown or older than a day.
    func document(_ id: String) async throws -> Data? {
        if let job = state.withLock({ $0.entries[id]?.job }) { return try JSON.encoder.encode(job) }
        let copy = try? await redis.send(RedisRequest(command: ["GET", RedisKeys.job(id, of: kind)]) { $0.string })
        return (copy ?? nil).map { Data($0.utf8) }
    }

    func run() async throws {
        await withGracefulShutdownHandler {
            for await (id, work) in queue { await perform(id, work) }
        } onGracefulShutdown: {
            self.close()
        }
    }

    /// Accepts no more jobs. The running job continues; waiting jobs fail.
    private func close() {
        state.withLock { $0.isClosed = true }
        enqueue.finish()
    }

    private func perform(_ id: String, _ work: @escaping Work) async {
        guard let job = state.withLock({ $0.entries[id]?.job }) else { return }
        guard !state.withLock({ $0.isClosed }) else {
            return finish(id) { job in
                job.failure = .init(code: "shutting_down", message: "ClaimAPI was stopped; nothing was changed")
            }
        }
        update(id, copies: true) { $0.state = .running }
        let session = OperatorSession(
            stores, operatorName: job.startedBy, connectionName: "ClaimAPI \(job.action)",
            patience: Self.patience, notice: { notice in self.update(id, copies: true) { $0.note(notice) } },
            progress: { progress in self.update(id, copies: false) { $0.advance(progress) } })
        do {
            let report = try await work(session)
            let result = try JSON.decoder.decode(JSONValue.self, from: try JSON.encoder.encode(report))
            finish(id) { $0.result = result }
        } catch {
            let failure = OperatorJob.Failure(error)
            logger.warning(
                "operator's job failed",
                metadata: ["job.action": "\(job.action)", "job.on": "\(job.subject)", "error": "\(error)"])
            finish(id) { $0.failure = failure }
        }
    }

    private func finish(_ id: String, _ change: (inout OperatorJob) -> Void) {
        update(id, copies: true) { job in
            change(&job)
            job.state = job.failure == nil ? .done : .failed
            job.endedAt = .now()
        }
    }

    /// Changes a job.
    ///
    /// - Parameter copies: whether Redis gets the change at once; else at most once per second.
    private func update(_ id: String, copies: Bool, _ change: (inout OperatorJob) -> Void) {
        let copy = state.withLock { state -> OperatorJob? in
            guard var entry = state.entries[id] else { return nil }
            change(&entry.job)
            let isDue = entry.copiedAt.map { ContinuousClock.now - $0 > Self.copyInterval } ?? true
            if copies || isDue { entry.copiedAt = .now }
            state.entries[id] = entry
            return copies || isDue ? entry.job : nil
        }
        guard let copy, let json = try? JSON.encoder.encode(copy) else { return }
        redis.sendWithoutReply(
            RedisRequest([["SET", RedisKeys.job(id, of: kind), String(decoding: json, as: UTF8.self), "EX", "86400"]]))
    }
}
