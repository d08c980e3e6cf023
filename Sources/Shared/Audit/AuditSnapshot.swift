internal import Claims
internal import DeadLetters
internal import Postgres

/// The rows as of one moment, which several connections can read at the same time.
final class AuditSnapshot {
    /// The connection that holds the snapshot open.
    let connection: PostgresConnection
    private let id: String

    /// - Throws: ``PostgresError``, also if the schema or the number of lanes does not suit.
    init(_ session: OperatorSession) throws(PostgresError) {
        connection = try Self.connect(session)
        try Schema.check(connection)
        try LaneCount.check(session.stores.lanes, storesFirst: false, on: connection)
        try connection.script("begin isolation level repeatable read, read only")
        guard let id = try connection.execute("select pg_export_snapshot()").text(0, 0) else {
            throw PostgresError(sqlState: nil, message: "PostgreSQL returned no snapshot")
        }
        self.id = id
    }

    /// Identifies the snapshot in other sessions, while this one is open.
    var reference: Reference { Reference(id: id) }

    struct Reference: Sendable {
        fileprivate let id: String

        /// Returns another connection that sees the same rows.
        func connect(_ session: OperatorSession) throws(PostgresError) -> PostgresConnection {
            let connection = try AuditSnapshot.connect(session)
            try connection.script(
                "begin isolation level repeatable read, read only; set transaction snapshot '\(id)'")
            return connection
        }
    }

    /// Ends the snapshot. Later statements of ``connection`` see the present rows.
    func end() throws(PostgresError) {
        try connection.script("commit")
    }

    /// The rules read whole tables, which the settings of ``PostgresConnection`` prevent.
    private static func connect(_ session: OperatorSession) throws(PostgresError) -> PostgresConnection {
        let connection = try PostgresConnection(
            session.stores.database, name: session.connectionName,
            timeouts: .init(statement: .seconds(600), answer: .seconds(600)))
        try connection.script("set enable_seqscan = on; set plan_cache_mode = auto; set work_mem = '128MB'")
        return connection
    }
}
