package import OrderedCollections

/// A table of headers, in the order in which it was written.
package typealias AMQPTable = OrderedDictionary<String, AMQPValue>

/// A value in a header table, of every kind that RabbitMQ speaks, so that a message of any program can be copied whole.
///
/// <https://www.rabbitmq.com/amqp-0-9-1-errata#section_3>
package indirect enum AMQPValue: Hashable, Sendable {
    case boolean(Bool)
    case int8(Int8)
    case uint8(UInt8)
    case int16(Int16)
    case uint16(UInt16)
    case int32(Int32)
    case uint32(UInt32)
    case int64(Int64)
    case uint64(UInt64)
    case float(Float)
    case double(Double)
    case decimal(places: UInt8, value: UInt32)
    /// A long string that is UTF-8.
    case string(String)
    /// A long string that is not UTF-8.
    case rawString([UInt8])
    case bytes([UInt8])
    /// Seconds since 1970.
    case timestamp(UInt64)
    case array([AMQPValue])
    case table(AMQPTable)
    case void

    /// The number, of whichever width it is; nil if it is none.
    package var integer: Int64? {
        switch self {
        case .int8(let value): Int64(value)
        case .uint8(let value): Int64(value)
        case .int16(let value): Int64(value)
        case .uint16(let value): Int64(value)
        case .int32(let value): Int64(value)
        case .uint32(let value): Int64(value)
        case .int64(let value): value
        case .uint64(let value): Int64(exactly: value)
        case .boolean, .float, .double, .decimal, .string, .rawString, .bytes, .timestamp, .array, .table, .void: nil
        }
    }

    /// The text; nil if it is none.
    package var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The elements; nil if it is no array.
    package var array: [AMQPValue]? {
        if case .array(let value) = self { value } else { nil }
    }

    /// The nested table; nil if it is none.
    package var table: AMQPTable? {
        if case .table(let value) = self { value } else { nil }
    }
}
