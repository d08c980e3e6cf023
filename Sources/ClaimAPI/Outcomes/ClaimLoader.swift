import Claims
import Postgres
import Synchronization

/// Loads claims from PostgreSQL for many callers with few statements.
///
/// Up to ``maxConcurrentQueries`` statements run at once. A caller that comes while they run waits, and shares the next
/// statement with all others that wait by then. A caller that comes while none runs queries at once.
final class ClaimLoader: Sendable {
    private typealias Answer = Result<Claim?, PostgresError>

    /// What a caller does when it is resumed.
    private enum Resumption: Sendable {
        case answer(Answer)
        /// It runs the next statement, for itself and for all that wait behind it.
        case query
    }

    private struct State {
        var running = 0
        var waiting: [(id: ClaimID, caller: CheckedContinuation<Resumption, Never>)] = []
    }

    /// Leaves the other connections of the pool to other requests.
    private static let maxConcurrentQueries = 2
    /// The most claims in one statement.
    private static let batchSize = 1000

    private let state = Mutex(State())
    private let postgres: PostgresClient

    init(_ postgres: PostgresClient) {
        self.postgres = postgres
    }

    /// Returns the stored claim; nil if it is pending or was never accepted.
    func find(_ id: ClaimID) async throws(PostgresError) -> Claim? {
        let resumption = await withCheckedContinuation { caller in
            let queriesAtOnce = state.withLock { state in
                guard state.running >= Self.maxConcurrentQueries else {
                    state.running += 1
                    return true
                }
                state.waiting.append((id, caller))
                return false
            }
            if queriesAtOnce { caller.resume(returning: .query) }
        }
        switch resumption {
        case .answer(let answer): return try answer.get()
        case .query: return try await query(for: id).get()
        }
    }

    /// Returns the stored claims of these ids in one statement. Pending and unknown ones are left out.
    func find(_ ids: [ClaimID]) async throws(PostgresError) -> [ClaimID: Claim] {
        try await postgres.run { connection throws(PostgresError) in try ClaimStore(connection).find(ids) }
    }

    private func query(for id: ClaimID) async -> Answer {
        let others = state.withLock { state in
            defer { state.waiting.removeFirst(min(state.waiting.count, Self.batchSize - 1)) }
            return Array(state.waiting.prefix(Self.batchSize - 1))
        }
        let ids = [id] + others.map(\.id)
        let answer: (ClaimID) -> Answer
        do throws(PostgresError) {
            let found = try await find(ids)
            answer = { .success(found[$0]) }
        } catch {
            answer = { _ in .failure(error) }
        }
        // The first of the callers that arrived during the statement runs the next statement.
        let next = state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.running -= 1
                return nil as CheckedContinuation<Resumption, Never>?
            }
            return state.waiting.removeFirst().caller
        }
        next?.resume(returning: .query)
        for other in others { other.caller.resume(returning: .answer(answer(other.id))) }
        return answer(id)
    }
}
