/// A failed statement or connection.
package struct PostgresError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The five-character SQLSTATE code; nil if the server did not answer.
    ///
    /// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
    package let sqlState: String?
    /// The error message, in one line.
    package let message: String
    /// The name of the violated constraint; nil for other errors.
    package let constraint: String?
    /// Why the server does not suit the program although it answers; nil for other errors.
    package let mismatch: Mismatch?

    /// What does not suit. A server with a mismatch counts as unavailable, see ``isOutage``.
    package enum Mismatch: Hashable, Sendable {
        /// The server is too old, or its schema is.
        case server
        /// A setting of the program contradicts the database. The program has to be started again with another value.
        case setting
    }

    package init(sqlState: String?, message: String, constraint: String? = nil) {
        self.sqlState = sqlState
        self.message = message
        self.constraint = constraint
        mismatch = nil
    }

    /// Creates the error of a server that does not suit the program.
    package init(_ mismatch: Mismatch, _ message: String) {
        sqlState = nil
        self.message = message
        constraint = nil
        self.mismatch = mismatch
    }

    package var description: String {
        sqlState.map { "\(message) (SQLSTATE \($0))" } ?? message
    }

    /// Whether the server caused the error and not the statement: no connection, no resources, shutdown, missing schema.
    ///
    /// The unchanged statement can succeed once the server has recovered.
    package var isOutage: Bool {
        guard let sqlState else { return true }
        return Self.outageStates.contains(sqlState) || Self.outageClasses.contains(String(sqlState.prefix(2)))
    }

    /// Whether the error is or may be an outage: a timeout can mean a slow server or one locked row, and an internal or
    /// input/output error a broken disk or one unreadable page.
    package var mayBeOutage: Bool {
        isOutage || isTimeout || sqlState.map { Self.unclearClasses.contains(String($0.prefix(2))) } == true
    }

    /// Whether the server aborted the transaction because of a concurrent one: serialization failure or deadlock.
    package var isSerializationFailure: Bool {
        sqlState == "40001" || sqlState == "40P01"
    }

    /// Whether the statement exceeded the lock timeout or the statement timeout.
    package var isTimeout: Bool {
        sqlState == "55P03" || sqlState == "57014"
    }

    /// Connection exception, invalid authorization, invalid catalog name, insufficient resources, configuration file
    /// error.
    private static let outageClasses: Set<String> = ["08", "28", "3D", "53", "F0"]
    /// Shutdown, start-up and ended sessions; read-only transaction (a standby); undefined table, column or function;
    /// insufficient privilege.
    private static let outageStates: Set<String> = [
        "57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25006", "42P01", "42703", "42883", "42501",
    ]
    /// System error, internal error.
    private static let unclearClasses: Set<String> = ["58", "XX"]
}
