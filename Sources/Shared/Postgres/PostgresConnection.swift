internal import CPostgres
internal import Foundation
internal import RuntimeSupport

/// One connection to PostgreSQL, through libpq. It belongs to the thread that made it and is not `Sendable`.
///
/// Statements are prepared once and kept by their text. Every wait has an end: see ``timeouts-swift.struct``.
package final class PostgresConnection {
    /// How long things may take.
    package struct Timeouts: Sendable {
        /// A statement waits this long for a row that somebody else has locked; the server ends it then.
        package var lock: Duration
        /// A statement runs this long; the server ends it then.
        package var statement: Duration
        /// After this a server that has not answered counts as gone, whatever it may be doing.
        package var answer: Duration

        package init(
            lock: Duration = .seconds(2), statement: Duration = .seconds(5), answer: Duration = .seconds(8)
        ) {
            self.lock = lock
            self.statement = statement
            self.answer = answer
        }
    }

    private let connection: OpaquePointer
    private let timeouts: Timeouts
    private var prepared: [String: String] = [:]
    /// An answer may still be on its way that nobody waits for, so the next question would get it.
    private var isBroken = false
    /// Called about once a second while a statement runs, for whatever else the thread has to keep alive.
    private let whileWaiting: () -> Void

    /// Connects.
    ///
    /// - Parameters:
    ///   - url: `postgres://…` or any other connection string of libpq.
    ///   - name: shown in `pg_stat_activity`.
    ///   - whileWaiting: called about once a second while a statement runs.
    /// - Throws: ``PostgresError``.
    package init(
        _ url: String, name: String, timeouts: Timeouts = Timeouts(), whileWaiting: @escaping () -> Void = {}
    ) throws(PostgresError) {
        self.timeouts = timeouts
        self.whileWaiting = whileWaiting
        let settings = [
            ("dbname", url), ("fallback_application_name", name), ("connect_timeout", "3"), ("client_encoding", "UTF8"),
            ("tcp_user_timeout", String(timeouts.answer.wholeMilliseconds)),
        ]
        // Both lists end with a null; the strings live until the call is over.
        let copies = settings.map { (strdup($0.0), strdup($0.1)) }
        defer {
            copies.forEach {
                free($0.0); free($0.1)
            }
        }
        let keywords = copies.map { UnsafePointer<CChar>($0.0) } + [nil]
        let values = copies.map { UnsafePointer<CChar>($0.1) } + [nil]
        guard let connection = PQconnectdbParams(keywords, values, 1) else {
            throw PostgresError(sqlState: nil, message: "no memory for a connection")
        }
        self.connection = connection
        guard PQstatus(connection) == CONNECTION_OK else { throw Self.failure(of: connection) }
        PQsetnonblocking(connection, 1)
        PQsetNoticeProcessor(connection, { _, _ in }, nil)
        // Set afterwards, since libpq would let options of its own replace those of the URL.
        // A plan that was made while a table was small must not scan it when it is large, and no statement here is worth
        // compiling or planning anew each time.
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

    /// Whether the connection still stands, as far as can be told without asking the server.
    package var isAlive: Bool {
        guard !isBroken else { return false }
        var socket = pollfd(fd: PQsocket(connection), events: Int16(POLLIN), revents: 0)
        if poll(&socket, 1, 0) > 0 { PQconsumeInput(connection) }
        return PQstatus(connection) == CONNECTION_OK
    }

    /// Carries out one statement, as a transaction of its own unless one was begun.
    ///
    /// - Throws: ``PostgresError``.
    @discardableResult
    package func execute(_ sql: String, _ parameters: [PostgresParameter] = []) throws(PostgresError) -> PostgresRows {
        try transaction([PostgresQuery(sql, parameters)])[0]
    }

    /// Carries out statements as one transaction, in one round trip: all of them or none.
    ///
    /// libpq's pipeline mode; the statements up to the one synchronisation point are one implicit transaction.
    /// <https://www.postgresql.org/docs/current/libpq-pipeline-mode.html>
    /// - Parameter time: how long the server may take for all of it; nil for as long as for any answer.
    /// - Returns: the rows of each statement, in order.
    /// - Throws: ``PostgresError`` of the first one that failed. With ``PostgresError/sqlState`` nil it is not known
    ///   whether the transaction was carried out.
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
        let deadline = ContinuousClock.now + time

        var failure: PostgresError?
        var rows: [PostgresRows] = []
        for (index, query) in queries.enumerated() {
            if isPreparing[index] {
                let answer = try nextAnswer(by: deadline)
                if case .failure(let error) = answer {
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
        _ = try nextAnswer(by: deadline)
        if let failure {
            // What stands behind a failed statement was skipped, so it was not prepared either.
            for (index, query) in queries.enumerated() where isPreparing[index] { prepared[query.sql] = nil }
            throw failure
        }
        return rows
    }

    /// Runs a script of several statements, as migrations have them.
    ///
    /// - Parameter time: the longest that it may take.
    package func script(_ sql: String, within time: Duration = .seconds(3600)) throws(PostgresError) {
        guard PQsendQuery(connection, sql) == 1 else { throw Self.failure(of: connection) }
        let deadline = ContinuousClock.now + time
        var failure: PostgresError?
        while true {
            try awaitAnswer(by: deadline)
            guard let result = PQgetResult(connection) else { break }
            let rows = PostgresRows(result)
            if let error = Self.error(in: result) { failure = failure ?? error }
            _ = rows
        }
        if let failure { throw failure }
    }

    // MARK: Sending

    /// Sends the preparation of a statement that this connection has not met.
    ///
    /// - Returns: whether there will be an answer to it.
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
        guard let name = prepared[query.sql] else { preconditionFailure("a statement is prepared before it is sent") }
        // The values stand one after another in one buffer, so that no pointer outlives its array.
        let values = query.parameters.flatMap { $0.bytes ?? [] }
        let lengths = query.parameters.map { Int32($0.bytes?.count ?? 0) }
        let formats = [Int32](repeating: 1, count: lengths.count)
        // One byte more, so that an empty value has an address too: a null pointer means null.
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
        by deadline: ContinuousClock.Instant
    ) throws(PostgresError) -> Result<PostgresRows?, PostgresError> {
        try awaitAnswer(by: deadline)
        guard let result = PQgetResult(connection) else { throw Self.failure(of: connection) }
        let rows = PostgresRows(result)
        let isSync = PQresultStatus(result) == PGRES_PIPELINE_SYNC
        let error = Self.error(in: result)
        if !isSync {
            // Each statement's results end with a null, the synchronisation point's does not.
            try awaitAnswer(by: deadline)
            if let surplus = PQgetResult(connection) { PQclear(surplus) }
        }
        if PQstatus(connection) != CONNECTION_OK { throw Self.failure(of: connection) }
        if let error { return .failure(error) }
        return .success(isSync ? nil : rows)
    }

    /// Sends what is still to be sent and waits until a result is there whole.
    private func awaitAnswer(by deadline: ContinuousClock.Instant) throws(PostgresError) {
        while true {
            let flushed = PQflush(connection)
            guard flushed >= 0, PQconsumeInput(connection) == 1 else { throw Self.failure(of: connection) }
            if flushed == 0, PQisBusy(connection) == 0 { return }
            let left = deadline - .now
            guard left > .zero else {
                throw PostgresError(sqlState: nil, message: "the server did not answer within \(timeouts.answer)")
            }
            let events = POLLIN | (flushed == 1 ? POLLOUT : 0)
            var socket = pollfd(fd: PQsocket(connection), events: Int16(events), revents: 0)
            if poll(&socket, 1, min(1000, left.wholeMilliseconds)) == 0 { whileWaiting() }
        }
    }

    // MARK: Errors

    private static func failure(of connection: OpaquePointer) -> PostgresError {
        PostgresError(sqlState: nil, message: oneLine(PQerrorMessage(connection)))
    }

    private static func error(in result: OpaquePointer) -> PostgresError? {
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_SINGLE_TUPLE, PGRES_EMPTY_QUERY, PGRES_PIPELINE_SYNC:
            return nil
        case PGRES_PIPELINE_ABORTED:
            return PostgresError(sqlState: "25P02", message: "skipped after an error before it")
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
