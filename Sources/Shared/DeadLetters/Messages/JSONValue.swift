package import Broker
import Foundation
internal import OrderedCollections
internal import RuntimeSupport

/// Any JSON value: a message's body or header as documents show it.
package enum JSONValue: Hashable, Sendable {
    case null
    case boolean(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// A body: JSON if it is an object or an array, else text; base64 if it is not UTF-8.
    package init(body: [UInt8]) {
        if let value = try? JSONDecoder().decode(JSONValue.self, from: Data(body)), value.isStructure {
            self = value
        } else {
            self = .string(String(validating: body, as: UTF8.self) ?? Data(body).base64EncodedString())
        }
    }

    /// A header's value, without its AMQP type.
    package init(_ value: AMQPValue) {
        self =
            switch value {
            case .boolean(let value): .boolean(value)
            case .float(let value): .number(Double(value))
            case .double(let value): .number(value)
            case .decimal(let places, let value): .number(Double(value) / pow(10, Double(places)))
            case .string(let value): .string(value)
            case .rawString(let value), .bytes(let value): .string(Data(value).base64EncodedString())
            case .timestamp(let seconds):
                .string(Timestamp(secondsClamped: seconds).description)
            case .array(let values): .array(values.map(JSONValue.init))
            case .table(let table): .object(Dictionary(table.map { ($0, JSONValue($1)) }) { $1 })
            case .void: .null
            case .uint64(let value): Int64(exactly: value).map(JSONValue.integer) ?? .number(Double(value))
            case .int8, .uint8, .int16, .uint16, .int32, .uint32, .int64:
                value.integer.map(JSONValue.integer) ?? .null
            }
    }

    private var isStructure: Bool {
        switch self {
        case .array, .object: true
        case .null, .boolean, .integer, .number, .string: false
        }
    }
}

extension JSONValue: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .boolean(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .boolean(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        // JSON has no infinity and no NaN.
        case .number(let value): if value.isFinite { try container.encode(value) } else { try container.encodeNil() }
        case .string(let value): try container.encode(value)
        case .array(let values): try container.encode(values)
        case .object(let fields): try container.encode(fields)
        }
    }
}

extension JSONValue {
    /// The value in several lines, with sorted keys.
    package var pretty: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self) else { return "-" }
        return String(decoding: data, as: UTF8.self)
    }
}
