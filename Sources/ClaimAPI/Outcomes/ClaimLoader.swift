import Claims
import Postgres
import Synchronization

/// Finds claims in PostgreSQL for many callers at once.
///
/// Whoever asks while others' questions are under way shares the next one with all who ask by then: thousands that wait
/// for their claims look again by a few statements, and a lone question is asked at once.
final class ClaimLoader: Sendable {
    private typealias Answer = Result<Claim?, PostgresError>

    /// What a caller that had to wait is told.
    private enum Turn: Sendable {
        case answer(Answer)
        /// It is to ask, for itself and for those who wait behind it.
        case ask
    }

    private struct State {
        var underWay = 0
        var waiting: [(id: ClaimID, caller: CheckedContinuation<Turn, Never>)] = []
    }

    /// Statements that run at once; the other connections are for everything else.
    private static let atOnce = 2
    /// Claims that one statement asks for.
    private static let most = 1000

    private let state = Mutex(State())
    private let postgres: PostgresClient

    init(_ postgres: PostgresClient) {
        self.postgres = postgres
    }

    /// What became of a claim; nil if it is pending or was never made.
    func find(_ id: ClaimID) async throws(PostgresError) -> Claim? {
        let turn = await withCheckedContinuation { caller in
            let isFirst = state.withLock { state in
                guard state.underWay >= Self.atOnce else {
                    state.underWay += 1
                    return true
                }
                state.waiting.append((id, caller))
                return false
            }
            if isFirst { caller.resume(returning: .ask) }
        }
        switch turn {
        case .answer(let answer): return try answer.get()
        case .ask: return try await ask(for: id).get()
        }
    }

    /// What became of several claims, by a statement of their own. Those that are pending or were never made are left out.
    func find(_ ids: [ClaimID]) async throws(PostgresError) -> [ClaimID: Claim] {
        try await postgres.run { connection throws(PostgresError) in try ClaimStore(connection).find(ids) }
    }

    private func ask(for id: ClaimID) async -> Answer {
        let others = state.withLock { state in
            defer { state.waiting.removeFirst(min(state.waiting.count, Self.most - 1)) }
            return Array(state.waiting.prefix(Self.most - 1))
        }
        let ids = [id] + others.map(\.id)
        let answer: (ClaimID) -> Answer
        do throws(PostgresError) {
            let found = try await find(ids)
            answer = { .success(found[$0]) }
        } catch {
            answer = { _ in .failure(error) }
        }
        // Those who came meanwhile are asked for by the first of them.
        let next = state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.underWay -= 1
                return nil as CheckedContinuation<Turn, Never>?
            }
            return state.waiting.removeFirst().caller
        }
        next?.resume(returning: .ask)
        for other in others { other.caller.resume(returning: .answer(answer(other.id))) }
        return answer(id)
    }
}
