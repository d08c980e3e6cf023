internal import CPostgres
package import RuntimeSupport

/// The rows that a statement gave. They belong to the thread that asked for them.
package final class PostgresRows {
    private let result: OpaquePointer

    /// Takes over a result of libpq.
    init(_ result: OpaquePointer) {
        self.result = result
    }

    deinit {
        PQclear(result)
    }

    /// How many rows there are.
    package var count: Int { Int(PQntuples(result)) }

    /// How many rows an INSERT, UPDATE or DELETE touched.
    package var affected: Int { Int(String(cString: PQcmdTuples(result))) ?? 0 }

    /// A value as text; nil for null.
    package func text(_ row: Int, _ column: Int) -> String? {
        guard PQgetisnull(result, Int32(row), Int32(column)) == 0,
            let value = PQgetvalue(result, Int32(row), Int32(column))
        else { return nil }
        let length = Int(PQgetlength(result, Int32(row), Int32(column)))
        return String(decoding: UnsafeRawBufferPointer(start: value, count: length), as: UTF8.self)
    }

    /// A whole number; nil for null.
    package func integer(_ row: Int, _ column: Int) -> Int? {
        text(row, column).flatMap { Int($0) }
    }

    /// A boolean; nil for null.
    package func boolean(_ row: Int, _ column: Int) -> Bool? {
        text(row, column).map { $0 == "t" }
    }

    /// A time that the statement gave as milliseconds since 1970, see ``milliseconds(_:)``; nil for null.
    package func timestamp(_ row: Int, _ column: Int) -> Timestamp? {
        integer(row, column).map { Timestamp(milliseconds: Int64($0)) }
    }

    /// The SQL that gives a time in the form that ``timestamp(_:_:)`` reads.
    package static func milliseconds(_ column: String) -> String {
        "(extract(epoch from \(column)) * 1000)::bigint"
    }
}
