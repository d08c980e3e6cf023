package import RuntimeSupport

/// A parameter value (`$1`, `$2` …) in PostgreSQL's binary format, which needs no quoting and no parsing.
package struct PostgresParameter: Sendable {
    /// The OID of the type, from the server's `pg_type.dat`.
    let type: UInt32
    /// The encoded value; nil for null.
    let bytes: [UInt8]?

    /// Encodes a `text`; nil for null.
    package static func text(_ value: String?) -> PostgresParameter {
        PostgresParameter(type: 25, bytes: value.map { Array($0.utf8) })
    }

    /// Encodes a `bigint`; nil for null.
    package static func integer(_ value: Int?) -> PostgresParameter {
        PostgresParameter(type: 20, bytes: value.map { bigEndian(Int64($0)) })
    }

    /// Encodes a `boolean`.
    package static func boolean(_ value: Bool) -> PostgresParameter {
        PostgresParameter(type: 16, bytes: [value ? 1 : 0])
    }

    /// Encodes a `timestamptz`; nil for null.
    package static func timestamp(_ value: Timestamp?) -> PostgresParameter {
        PostgresParameter(type: 1184, bytes: value.map(bytes(of:)))
    }

    /// Encodes a `text[]`.
    package static func texts(_ values: [String]) -> PostgresParameter {
        array(of: 25, type: 1009, values.map { Array($0.utf8) })
    }

    /// Encodes a `bigint[]`.
    package static func integers(_ values: [Int]) -> PostgresParameter {
        array(of: 20, type: 1016, values.map { bigEndian(Int64($0)) })
    }

    /// Encodes a `timestamptz[]`.
    package static func timestamps(_ values: [Timestamp]) -> PostgresParameter {
        array(of: 1184, type: 1185, values.map(bytes(of:)))
    }

    /// Encodes an array of one dimension, without nulls and with lower bound 1, like `array_send` in the server's
    /// `arrayfuncs.c`.
    private static func array(of element: UInt32, type: UInt32, _ values: [[UInt8]]) -> PostgresParameter {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(20 + values.reduce(0) { $0 + $1.count + 4 })
        bytes += bigEndian(Int32(values.isEmpty ? 0 : 1))
        bytes += bigEndian(Int32(0))
        bytes += bigEndian(element)
        if !values.isEmpty {
            bytes += bigEndian(Int32(values.count))
            bytes += bigEndian(Int32(1))
        }
        for value in values {
            bytes += bigEndian(Int32(value.count))
            bytes += value
        }
        return PostgresParameter(type: type, bytes: bytes)
    }

    /// Encodes a timestamp as microseconds since 2000-01-01.
    private static func bytes(of timestamp: Timestamp) -> [UInt8] {
        bigEndian((timestamp.milliseconds - 946_684_800_000) * 1000)
    }

    private static func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }
}

/// A statement and its parameters.
package struct PostgresQuery: Sendable {
    package let sql: String
    package let parameters: [PostgresParameter]

    package init(_ sql: String, _ parameters: [PostgresParameter] = []) {
        self.sql = sql
        self.parameters = parameters
    }
}
