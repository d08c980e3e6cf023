internal import Broker
import Foundation
internal import OrderedCollections

/// A header's value in JSON with its AMQP type, so that it can be read back without loss:
/// `{"int32": 4}`, `{"string": "lock_held"}`, `{"array": […]}`, `{"table": {…}}`.
struct TypedValue: Codable, Hashable, Sendable {
    let value: AMQPValue

    init(_ value: AMQPValue) {
        self.value = value
    }

    private enum Kind: String, CodingKey, CaseIterable {
        case boolean, int8, uint8, int16, uint16, int32, uint32, int64, uint64, float, double, decimal, string
        case raw_string, bytes, timestamp, array, table, void
    }

    private struct Decimal: Codable {
        let places: UInt8
        let value: UInt32
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Kind.self)
        switch value {
        case .boolean(let value): try container.encode(value, forKey: .boolean)
        case .int8(let value): try container.encode(value, forKey: .int8)
        case .uint8(let value): try container.encode(value, forKey: .uint8)
        case .int16(let value): try container.encode(value, forKey: .int16)
        case .uint16(let value): try container.encode(value, forKey: .uint16)
        case .int32(let value): try container.encode(value, forKey: .int32)
        case .uint32(let value): try container.encode(value, forKey: .uint32)
        case .int64(let value): try container.encode(value, forKey: .int64)
        case .uint64(let value): try container.encode(value, forKey: .uint64)
        // As bit patterns: JSON has no infinity, and readers differ in the last digit.
        case .float(let value): try container.encode(value.bitPattern, forKey: .float)
        case .double(let value): try container.encode(value.bitPattern, forKey: .double)
        case .decimal(let places, let value):
            try container.encode(Decimal(places: places, value: value), forKey: .decimal)
        case .string(let value): try container.encode(value, forKey: .string)
        case .rawString(let value): try container.encode(Data(value), forKey: .raw_string)
        case .bytes(let value): try container.encode(Data(value), forKey: .bytes)
        case .timestamp(let value): try container.encode(value, forKey: .timestamp)
        case .array(let values): try container.encode(values.map(TypedValue.init), forKey: .array)
        case .table(let table):
            try container.encode(Dictionary(table.map { ($0, TypedValue($1)) }) { $1 }, forKey: .table)
        case .void: try container.encodeNil(forKey: .void)
        }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Kind.self)
        guard container.allKeys.count == 1, let kind = container.allKeys.first else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "must be one value with its AMQP type"))
        }
        func decode<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
            try container.decode(type, forKey: kind)
        }
        switch kind {
        case .boolean: value = .boolean(try decode())
        case .int8: value = .int8(try decode())
        case .uint8: value = .uint8(try decode())
        case .int16: value = .int16(try decode())
        case .uint16: value = .uint16(try decode())
        case .int32: value = .int32(try decode())
        case .uint32: value = .uint32(try decode())
        case .int64: value = .int64(try decode())
        case .uint64: value = .uint64(try decode())
        case .float: value = .float(Float(bitPattern: try decode()))
        case .double: value = .double(Double(bitPattern: try decode()))
        case .decimal:
            let decimal = try decode(Decimal.self)
            value = .decimal(places: decimal.places, value: decimal.value)
        case .string: value = .string(try decode())
        case .raw_string: value = .rawString(Array(try decode(Data.self)))
        case .bytes: value = .bytes(Array(try decode(Data.self)))
        case .timestamp: value = .timestamp(try decode())
        case .array: value = .array(try decode([TypedValue].self).map(\.value))
        case .table:
            let entries = try decode([String: TypedValue].self).sorted { $0.key < $1.key }
            value = .table(AMQPTable(uniqueKeysWithValues: entries.map { ($0.key, $0.value.value) }))
        case .void: value = .void
        }
    }
}
