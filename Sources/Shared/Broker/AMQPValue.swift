package import OrderedCollections

/// A field table, such as the headers of a message. Keeps the order of its fields.
package typealias AMQPTable = OrderedDictionary<String, AMQPValue>

/// A value in a field table. Covers every type that RabbitMQ supports, so that any message can be copied without loss.
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
    /// A long string of valid UTF-8.
    case string(String)
    /// A long string that is not valid UTF-8.
    case rawString([UInt8])
    case bytes([UInt8])
    /// Seconds since 1970.
    case timestamp(UInt64)
    case array([AMQPValue])
    case table(AMQPTable)
    case void

    /// The value of an integer of any width; nil for other types and for values above `Int64.max`.
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

    /// The text of a UTF-8 string; nil for other types.
    package var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The elements of an array; nil for other types.
    package var array: [AMQPValue]? {
        if case .array(let value) = self { value } else { nil }
    }

    /// The nested table; nil for other types.
    package var table: AMQPTable? {
        if case .table(let value) = self { value } else { nil }
    }
}
