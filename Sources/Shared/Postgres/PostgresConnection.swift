internal import CPostgres
internal import Foundation
internal import RuntimeSupport

/// A connection to PostgreSQL through libpq. It is not `Sendable`: one thread uses it at a time.
///
/// Each statement is prepared once per connection and cached by its text. Every wait has a limit, see ``Timeouts``.
package final class PostgresConnection {
    /// The limits of a connection's waits.
    package struct Timeouts: Sendable {
        /// The longest that a statement waits for a lock before the server cancels it.
        package var lock: Duration
        /// The longest that a statement runs before the server cancels it.
        package var statement: Duration
        /// The longest wait for the server's answer before the connection counts as lost.
        package var answer: Duration

        package init(
            lock: Duration = .seconds(2), statement: Duration = .seconds(5), answer: Duration = .seconds(8)
        ) {
            self.lock = lock
            self.statement = statement
            self.answer = answer
        }
    }

    private struct Deadline {
        let limit: Duration
        let instant: ContinuousClock.Instant

        init(after limit: Duration) {
            self.limit = limit
            instant = .now + limit
        }
    }

    private static let oldestVersion = ServerVersion(14)

    let connection: OpaquePointer
    private let timeouts: Timeouts
    /// The names of the prepared statements, by their SQL.
    private var prepared: [String: String] = [:]
    /// Whether a late answer may still arrive, which the next statement would receive as its own.
    private var isBroken = false
    /// Called about once a second while a statement runs, so that the thread can keep other connections alive.
    private let whileWaiting: () -> Void

    /// Connects.
    ///
    /// - Parameters:
    ///   - name: the application name in `pg_stat_activity`.
    ///   - whileWaiting: called about once a second while a statement runs.
    /// - Throws: ``PostgresError``, also if the server is older than version 14.
    package init(
        _ address: PostgresAddress, name: String, timeouts: Timeouts = Timeouts(),
        whileWaiting: @escaping () -> Void = {}
    ) throws(PostgresError) {
        self.timeouts = timeouts
        self.whileWaiting = whileWaiting
        let settings = [
            ("dbname", address.url), ("fallback_application_name", name), ("connect_timeout", "3"),
            ("client_encoding", "UTF8"),
            ("tcp_user_timeout", String(timeouts.answer.wholeMilliseconds)),
        ]
        // libpq expects both lists to end with null. The strings must live until the call returns.
        let copies = settings.map { (strdup($0.0), strdup($0.1)) }
        defer {
            copies.forEach {
                free($0.0); free($0.1)
            }
        }
        let keywords = copies.map { UnsafePointer<CChar>($0.0) } + [nil]
        let values = copies.map { UnsafePointer<CChar>($0.1) } + [nil]
        guard let connection = PQconnectdbParams(keywords, values, 1) else {
            throw PostgresError(sqlState: nil, message: "connecting: out of memory")
        }
        self.connection = connection
        guard PQstatus(connection) == CONNECTION_OK else { throw Self.failure(of: connection) }
        let version = PQparameterStatus(connection, "server_version").flatMap { ServerVersion(String(cString: $0)) }
        if let refusal = version?.refusal(of: "PostgreSQL", before: Self.oldestVersion) {
            throw PostgresError(.server, refusal)
        }
        PQsetnonblocking(connection, 1)
        PQsetNoticeProcessor(connection, { _, _ in }, nil)
        // These settings are not sent as the `options` parameter, which would replace the `options` of the URL.
        // A generic plan that was made for a small table must not scan the table once it is large, and the statements are
        // too short to be worth JIT compilation or a new plan per execution.
        try script(
            """
            set enable_seqscan = off; set plan_cache_mode = force_generic_plan; set jit = off;
            set lock_timeout = \(timeouts.lock.wholeMilliseconds);
            set statement_timeout = \(timeouts.statement.wholeMilliseconds); set timezone = 'UTC'
            """, within: timeouts.answer)
    }

    deinit {
        PQfinish(connection)
    }

    /// Whether the connection is usable, as far as can be known without a round trip.
    package var isAlive: Bool {
        guard !isBroken else { return false }
        var socket = pollfd(fd: PQsocket(connection), events: Int16(POLLIN), revents: 0)
        if poll(&socket, 1, 0) > 0 { PQconsumeInput(connection) }
        return PQstatus(connection) == CONNECTION_OK
    }

    /// Executes one statement, in its own transaction unless one has been started, and returns its rows.
    ///
    /// - Throws: ``PostgresError``.
    @discardableResult
    package func execute(_ sql: String, _ parameters: [PostgresParameter] = []) throws(PostgresError) -> PostgresRows {
        try transaction([PostgresQuery(sql, parameters)])[0]
    }

    /// Executes statements as one transaction in one round trip.
    ///
    /// Uses libpq's pipeline mode: the statements before a synchronisation point form one implicit transaction.
    /// <https://www.postgresql.org/docs/current/libpq-pipeline-mode.html>
    /// - Parameter time: the longest wait for all answers; nil for ``Timeouts/answer``.
    /// - Returns: the rows of each statement, in order.
    /// - Throws: the ``PostgresError`` of the first statement that failed; the transaction is rolled back then. If
    ///   ``PostgresError/sqlState`` is nil, the transaction may or may not be committed.
    package func transaction(
        _ queries: [PostgresQuery], within time: Duration? = nil
    ) throws(PostgresError) -> [PostgresRows] {
        do throws(PostgresError) {
            return try pipeline(queries, within: time ?? timeouts.answer)
        } catch {
            if error.sqlState == nil { isBroken = true }
            throw error
        }
    }

    private func pipeline(
        _ queries: [PostgresQuery], within time: Duration
    ) throws(PostgresError) -> [PostgresRows] {
        guard PQenterPipelineMode(connection) == 1 else { throw Self.failure(of: connection) }
        defer { PQexitPipelineMode(connection) }
        var isPreparing: [Bool] = []
        for query in queries {
            isPreparing.append(try prepare(query))
            try send(query)
        }
        guard PQpipelineSync(connection) == 1 else { throw Self.failure(of: connection) }
        let deadline = Deadline(after: time)

        var failure: PostgresError?
        var rows: [PostgresRows] = []
        for (index, query) in queries.enumerated() {
            if isPreparing[index] {
                let answer = try nextAnswer(by: deadline)
                if case .failure(let error) = answer {
                    // It failed, or was skipped after the error of an earlier statement.
                    prepared[query.sql] = nil
                    failure = failure ?? error
                }
            }
            switch try nextAnswer(by: deadline) {
            case .success(let result?): rows.append(result)
            case .success(nil): break
            case .failure(let error): failure = failure ?? error
            }
        }
        // The transaction is committed now. The error of a commit precedes the answer of the synchronisation point.
        if case .failure(let error) = try nextAnswer(by: deadline) {
            failure = failure ?? error
            _ = try nextAnswer(by: deadline)
        }
        if let failure { throw failure }
        return rows
    }

    /// Executes a script of several statements, such as a migration.
    ///
    /// - Parameter time: the longest wait for the end of the script.
    /// - Throws: the ``PostgresError`` of the first statement that failed.
    package func script(_ sql: String, within time: Duration = .seconds(3600)) throws(PostgresError) {
        guard PQsendQuery(connection, sql) == 1 else { throw Self.failure(of: connection) }
        let deadline = Deadline(after: time)
        var failure: PostgresError?
        while true {
            try awaitAnswer(by: deadline)
            guard let result = PQgetResult(connection) else { break }
            failure = failure ?? Self.error(in: result)
            PQclear(result)
        }
        if let failure { throw failure }
    }

    // MARK: Sending

    /// Sends the preparation of a statement unless the connection has prepared it already.
    ///
    /// - Returns: whether an answer to the preparation will follow.
    private func prepare(_ query: PostgresQuery) throws(PostgresError) -> Bool {
        guard prepared[query.sql] == nil else { return false }
        let name = "s\(prepared.count)_\(UInt32.random(in: 0 ... .max))"
        prepared[query.sql] = name
        let types = query.parameters.map { Oid($0.type) }
        guard PQsendPrepare(connection, name, query.sql, Int32(types.count), types) == 1 else {
            throw Self.failure(of: connection)
        }
        return true
    }

    private func send(_ query: PostgresQuery) throws(PostgresError) {
        guard let name = prepared[query.sql] else {
            preconditionFailure("a statement must be prepared before it is sent")
        }
        // The values are copied into one buffer, so that no pointer outlives its array.
        let values = query.parameters.flatMap { $0.bytes ?? [] }
        let lengths = query.parameters.map { Int32($0.bytes?.count ?? 0) }
        let formats = [Int32](repeating: 1, count: lengths.count)
        // One extra byte gives an empty value an address as well: a null pointer means SQL null.
        let sent = (values + [0]).withUnsafeBytes { buffer in
            var offset = 0
            let pointers = query.parameters.map { parameter -> UnsafePointer<CChar>? in
                defer { offset += parameter.bytes?.count ?? 0 }
                guard parameter.bytes != nil else { return nil }
                return buffer.baseAddress?.advanced(by: offset).assumingMemoryBound(to: CChar.self)
            }
            return PQsendQueryPrepared(connection, name, Int32(pointers.count), pointers, lengths, formats, 0)
        }
        guard sent == 1 else { throw Self.failure(of: connection) }
    }

    // MARK: Receiving

    private func nextAnswer(
        by deadline: Deadline
    ) throws(PostgresError) -> Result<PostgresRows?, PostgresError> {
        try awaitAnswer(by: deadline)
        guard let result = PQgetResult(connection) else { throw Self.failure(of: connection) }
        let rows = PostgresRows(result)
        let isSync = PQresultStatus(result) == PGRES_PIPELINE_SYNC
        let error = Self.error(in: result)
        if !isSync {
            // The results of a statement end with a null result; that of a synchronisation point does not.
            try awaitAnswer(by: deadline)
            if let surplus = PQgetResult(connection) { PQclear(surplus) }
        }
        if PQstatus(connection) != CONNECTION_OK { throw Self.failure(of: connection) }
        if let error { return .failure(error) }
        return .success(isSync ? nil : rows)
    }

    /// Flushes the send buffer and waits until a complete result has arrived.
    private func awaitAnswer(by deadline: Deadline) throws(PostgresError) {
        while true {
            let flushed = PQflush(connection)
            guard flushed >= 0, PQconsumeInput(connection) == 1 else { throw Self.failure(of: connection) }
            if flushed == 0, PQisBusy(connection) == 0 { return }
            let left = deadline.instant - .now
            guard left > .zero else {
                throw PostgresError(sqlState: nil, message: "no response within \(deadline.limit)")
            }
            let events = POLLIN | (flushed == 1 ? POLLOUT : 0)
            var socket = pollfd(fd: PQsocket(connection), events: Int16(events), revents: 0)
            if poll(&socket, 1, min(1000, left.wholeMilliseconds)) == 0 { whileWaiting() }
        }
    }

    // MARK: Errors

    static func failure(of connection: OpaquePointer) -> PostgresError {
        PostgresError(sqlState: nil, message: oneLine(PQerrorMessage(connection)))
    }

    private static func error(in result: OpaquePointer) -> PostgresError? {
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_SINGLE_TUPLE, PGRES_EMPTY_QUERY, PGRES_PIPELINE_SYNC:
            return nil
        case PGRES_PIPELINE_ABORTED:
            return PostgresError(sqlState: "25P02", message: "skipped after the error of an earlier statement")
        default:
            func field(_ code: UnicodeScalar) -> String? {
                PQresultErrorField(result, Int32(code.value)).map { String(cString: $0) }
            }
            // PG_DIAG_SQLSTATE, PG_DIAG_MESSAGE_PRIMARY, PG_DIAG_CONSTRAINT_NAME of postgres_ext.h.
            return PostgresError(
                sqlState: field("C"), message: field("M") ?? oneLine(PQresultErrorMessage(result)),
                constraint: field("n"))
        }
    }

    private static func oneLine(_ message: UnsafeMutablePointer<CChar>?) -> String {
        let text = message.map { String(cString: $0) } ?? "unknown error"
        return text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: "; ")
    }
}
