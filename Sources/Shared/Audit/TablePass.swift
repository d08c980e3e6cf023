internal import DeadLetters
internal import Postgres
internal import RuntimeSupport
internal import Synchronization

/// One pass over the rows of the large tables: page ranges, read by several connections of one snapshot.
final class TablePass: Sendable {
    /// A range of pages of one table.
    private struct Chunk {
        let table: AuditedTable
        let pages: Range<Int>
    }

    private struct State {
        var waiting: [Chunk]
        var totals = AuditTotals()
        var pagesDone = 0
        var error: PostgresError?
        /// The other threads that still read.
        var readers = TablePass.connections - 1
    }

    private let state: Mutex<State>
    private let total: Int
    private let reference: AuditSnapshot.Reference
    private let session: OperatorSession

    fileprivate static let connections = 2
    /// 32 MiB at the usual page size.
    private static let pagesPerChunk = 4096

    /// Prepares the page ranges of all tables.
    init(_ snapshot: AuditSnapshot, _ session: OperatorSession) throws(PostgresError) {
        var chunks: [Chunk] = []
        for table in AuditedTable.allCases {
            // Pages that were appended later hold no row of the snapshot.
            let pages =
                try snapshot.connection.execute(
                    "select pg_relation_size($1::regclass) / current_setting('block_size')::bigint",
                    [.text(table.rawValue)]
                ).integer(0, 0) ?? 0
            chunks += stride(from: 0, to: pages, by: Self.pagesPerChunk).map { first in
                Chunk(table: table, pages: first..<min(first + Self.pagesPerChunk, pages))
            }
        }
        total = chunks.reduce(0) { $0 + $1.pages.count }
        state = Mutex(State(waiting: chunks.reversed()))
        reference = snapshot.reference
        self.session = session
    }

    /// Reads all pages and returns what they add up to. Blocks.
    ///
    /// - Throws: ``PostgresError``, the first of all connections.
    func totals() throws(PostgresError) -> AuditTotals {
        let ended = WakeSignal()
        for number in 1..<Self.connections {
            BlockingThread.start(name: "audit-\(number)") {
                self.work()
                self.state.withLock { $0.readers -= 1 }
                ended.raise()
            }
        }
        work()
        // Each statement of the other threads has a timeout.
        while state.withLock({ $0.readers > 0 }) { ended.wait(atMost: .seconds(1)) }
        let (totals, error) = state.withLock { ($0.totals, $0.error) }
        if let error { throw error }
        return totals
    }

    private func work() {
        do throws(PostgresError) {
            try read(try reference.connect(session))
        } catch {
            state.withLock { state in
                state.error = state.error ?? error
                state.waiting = []
            }
        }
    }

    private func read(_ connection: PostgresConnection) throws(PostgresError) {
        while let chunk = state.withLock({ $0.waiting.popLast() }) {
            let rows = try connection.execute(
                chunk.table.statement,
                [.text("(\(chunk.pages.lowerBound),0)"), .text("(\(chunk.pages.upperBound),0)")])
            var totals = AuditTotals()
            totals.add(rows, of: chunk.table)
            let done = state.withLock { state in
                state.totals.add(totals)
                state.pagesDone += chunk.pages.count
                return state.pagesDone
            }
            session.progress(OperatorSession.Progress(.auditing, done: done, total: total))
        }
    }
}
