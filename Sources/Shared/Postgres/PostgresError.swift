/// Why a statement was not carried out.
package struct PostgresError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The five characters by which PostgreSQL names an error; nil if the server did not answer.
    ///
    /// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
    package let sqlState: String?
    /// What the server said, in one line.
    package let message: String
    /// The constraint that was violated, if one was.
    package let constraint: String?

    package init(sqlState: String?, message: String, constraint: String? = nil) {
        self.sqlState = sqlState
        self.message = message
        self.constraint = constraint
    }

    package var description: String {
        sqlState.map { "\(message) (SQLSTATE \($0))" } ?? message
    }

    /// Whether the server, not the statement, is to blame: no connection, no room, shutting down, a missing schema.
    ///
    /// Such a statement is tried again as it is, once the server is well, and uses up nobody's retry.
    package var isOutage: Bool {
        guard let sqlState else { return true }
        if Self.outageStates.contains(sqlState) { return true }
        return Self.outageClasses.contains(String(sqlState.prefix(2)))
    }

    /// Whether two transactions met over the same rows, and the server ended this one.
    package var isSerializationFailure: Bool {
        sqlState == "40001" || sqlState == "40P01"
    }

    /// Whether the statement waited too long for a lock, or ran too long.
    package var isTimeout: Bool {
        sqlState == "55P03" || sqlState == "57014"
    }

    /// Connection, authorization, catalog name, resources, operator intervention, system error, configuration file,
    /// internal error.
    private static let outageClasses: Set<String> = ["08", "28", "3D", "53", "58", "F0", "XX"]
    /// Shutdown and start-up, read-only transaction (a standby), no such table or column, no right to it.
    private static let outageStates: Set<String> = [
        "57P01", "57P02", "57P03", "57P04", "25006", "42P01", "42703", "42883", "42501",
    ]
}
