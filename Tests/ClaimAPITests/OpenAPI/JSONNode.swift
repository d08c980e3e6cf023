import Foundation

/// A JSON value of any shape.
enum JSONNode: Codable, Hashable, Sendable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSONNode])
    case object([String: JSONNode])

    init(parsing data: Data) throws {
        self = try JSONDecoder().decode(JSONNode.self, from: data)
    }

    /// The JSON that a value encodes to.
    init(encoding value: some Encodable) throws {
        try self.init(parsing: JSONEncoder().encode(value))
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONNode].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONNode].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }

    subscript(_ name: String) -> JSONNode? { object[name] }

    /// The members; none if it is not an object.
    var object: [String: JSONNode] {
        if case .object(let members) = self { members } else { [:] }
    }

    /// The elements; none if it is not an array.
    var array: [JSONNode] {
        if case .array(let elements) = self { elements } else { [] }
    }

    /// The text; nil if it is not a string.
    var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    var number: Double? {
        if case .number(let value) = self { value } else { nil }
    }

    /// The texts among its elements.
    var strings: Set<String> { Set(array.compactMap(\.string)) }

    /// Every value below this one and itself, each with its JSON pointer (RFC 6901).
    func descendants(at pointer: String = "") -> [(pointer: String, node: JSONNode)] {
        let children: [(String, JSONNode)] =
            switch self {
            case .array(let elements): elements.enumerated().map { ("\($0)", $1) }
            case .object(let members):
                members.map { name, node in
                    (name.replacing("~", with: "~0").replacing("/", with: "~1"), node)
                }
            case .null, .bool, .number, .string: []
            }
        return [(pointer, self)] + children.flatMap { name, node in node.descendants(at: "\(pointer)/\(name)") }
    }
}
