internal import CPostgres
package import RuntimeSupport

/// The rows of a statement's result. They are not `Sendable`: one thread uses them at a time.
package final class PostgresRows {
    private let result: OpaquePointer

    /// Takes ownership of a libpq result.
    init(_ result: OpaquePointer) {
        self.result = result
    }

    deinit {
        PQclear(result)
    }

    /// The number of rows.
    package var count: Int { Int(PQntuples(result)) }

    /// The number of rows that an INSERT, UPDATE or DELETE affected.
    package var affected: Int { Int(String(cString: PQcmdTuples(result))) ?? 0 }

    /// Returns a value as text; nil for null.
    package func text(_ row: Int, _ column: Int) -> String? {
        guard PQgetisnull(result, Int32(row), Int32(column)) == 0,
            let value = PQgetvalue(result, Int32(row), Int32(column))
        else { return nil }
        let length = Int(PQgetlength(result, Int32(row), Int32(column)))
        return String(decoding: UnsafeRawBufferPointer(start: value, count: length), as: UTF8.self)
    }

    /// Returns a value as a whole number; nil for null.
    package func integer(_ row: Int, _ column: Int) -> Int? {
        text(row, column).flatMap { Int($0) }
    }

    /// Returns a value as a boolean; nil for null.
    package func boolean(_ row: Int, _ column: Int) -> Bool? {
        text(row, column).map { $0 == "t" }
    }

    /// Returns a time that was selected with ``milliseconds(_:)``; nil for null.
    package func timestamp(_ row: Int, _ column: Int) -> Timestamp? {
        integer(row, column).map { Timestamp(milliseconds: Int64($0)) }
    }

    /// Returns the SQL expression that selects a time in the form that ``timestamp(_:_:)`` expects.
    package static func milliseconds(_ column: String) -> String {
        "(extract(epoch from \(column)) * 1000)::bigint"
    }
}
