package import Foundation

/// Encodes values as JSON whose fields keep the order in which their type encodes them.
///
/// Foundation's encoder writes fields in an order that differs from process to process, or by the alphabet. Clients and
/// people read an answer more easily when `id` and `status` come first, always. The fields of a dictionary, which have no
/// order, are sorted by name.
package struct OrderedJSONEncoder: Sendable {
    package init() {}

    /// Returns the value as UTF-8.
    ///
    /// - Throws: what the value's `encode(to:)` throws.
    package func encode(_ value: some Encodable) throws -> Data {
        let output = JSONOutput()
        try output.write(value, at: [])
        return Data(output.bytes)
    }
}

/// The text that is being written. Values write themselves into it one after another.
private final class JSONOutput {
    private var text = JSONText()
    var bytes: [UInt8] { text.bytes }

    func write(_ value: some Encodable, at path: [any CodingKey]) throws {
        switch value {
        case let text as String: write(text)
        case let number as Int: write(number)
        case let flag as Bool: write(flag)
        case let dictionary as any NamedFields: try dictionary.write(to: self, at: path)
        default:
            let encoder = ValueEncoder(self, path)
            try value.encode(to: encoder)
            encoder.finish()
        }
    }

    func write(_ value: Bool) { text.append(json: value ? "true" : "false") }
    func write(_ value: some BinaryInteger) { text.append(json: String(value)) }
    func writeNull() { text.append(json: "null") }
    func write(raw json: Unicode.Scalar) { text.append(json: String(json)) }

    /// JSON has no word for infinity and NaN, so they become null.
    func write(_ value: Double) {
        if value.isFinite { text.append(json: "\(value)") } else { writeNull() }
    }

    func write(_ value: String) { text.append(string: value) }
}

/// A dictionary by names, with values of any type.
private protocol NamedFields {
    func write(to output: JSONOutput, at path: [any CodingKey]) throws
}

extension Dictionary: NamedFields where Key == String, Value: Encodable {
    fileprivate func write(to output: JSONOutput, at path: [any CodingKey]) throws {
        let encoder = ValueEncoder(output, path)
        var fields = encoder.container(keyedBy: FieldName.self)
        for (name, value) in sorted(by: { $0.key < $1.key }) {
            try fields.encode(value, forKey: FieldName(name))
        }
        encoder.finish()
    }
}

/// Any name, or the position in an array.
private struct FieldName: CodingKey {
    let stringValue: String
    let intValue: Int?

    init(_ name: String) {
        stringValue = name
        intValue = nil
    }

    init(stringValue: String) { self.init(stringValue) }

    init(intValue: Int) {
        stringValue = String(intValue)
        self.intValue = intValue
    }
}

/// Encodes one value: an object, an array or a single value.
private final class ValueEncoder: Encoder {
    let output: JSONOutput
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }
    private var closing: Unicode.Scalar?
    private var isEmpty = true
    /// The container inside of this one that is being written. It ends where the next member begins.
    private var nested: ValueEncoder?

    init(_ output: JSONOutput, _ codingPath: [any CodingKey]) {
        self.output = output
        self.codingPath = codingPath
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        open("{", "}")
        return KeyedEncodingContainer(ObjectContainer<Key>(encoder: self))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        open("[", "]")
        return ArrayContainer(encoder: self)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        SingleContainer(encoder: self)
    }

    private func open(_ opening: Unicode.Scalar, _ closing: Unicode.Scalar) {
        // A type may ask for its container more than once.
        guard self.closing == nil else { return }
        output.write(raw: opening)
        self.closing = closing
    }

    /// Begins the next member.
    func begin() {
        nested?.finish()
        nested = nil
        if !isEmpty { output.write(raw: ",") }
        isEmpty = false
    }

    /// Returns the encoder of the member that was begun, for a value that is written in parts.
    func nest(_ key: any CodingKey) -> ValueEncoder {
        let encoder = ValueEncoder(output, codingPath + [key])
        nested = encoder
        return encoder
    }

    func finish() {
        nested?.finish()
        nested = nil
        if let closing { output.write(raw: closing) }
    }
}

private struct ObjectContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let encoder: ValueEncoder
    var codingPath: [any CodingKey] { encoder.codingPath }

    private func write(_ name: String) {
        encoder.begin()
        encoder.output.write(name)
        encoder.output.write(raw: ":")
    }

    mutating func encodeNil(forKey key: Key) throws {
        write(key.stringValue)
        encoder.output.writeNull()
    }

    mutating func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
        write(key.stringValue)
        try encoder.output.write(value, at: codingPath + [key])
    }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy keyType: NestedKey.Type, forKey key: Key
    ) -> KeyedEncodingContainer<NestedKey> {
        nest(key).container(keyedBy: keyType)
    }

    mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        nest(key).unkeyedContainer()
    }

    mutating func superEncoder() -> any Encoder { nest(FieldName("super")) }
    mutating func superEncoder(forKey key: Key) -> any Encoder { nest(key) }

    private func nest(_ key: any CodingKey) -> ValueEncoder {
        write(key.stringValue)
        return encoder.nest(key)
    }
}

private struct ArrayContainer: UnkeyedEncodingContainer {
    let encoder: ValueEncoder
    var count = 0
    var codingPath: [any CodingKey] { encoder.codingPath }

    init(encoder: ValueEncoder) { self.encoder = encoder }

    mutating func encodeNil() throws {
        encoder.begin()
        count += 1
        encoder.output.writeNull()
    }

    mutating func encode<Value: Encodable>(_ value: Value) throws {
        encoder.begin()
        count += 1
        try encoder.output.write(value, at: codingPath)
    }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy keyType: NestedKey.Type
    ) -> KeyedEncodingContainer<NestedKey> {
        nest().container(keyedBy: keyType)
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { nest().unkeyedContainer() }
    mutating func superEncoder() -> any Encoder { nest() }

    private mutating func nest() -> ValueEncoder {
        encoder.begin()
        defer { count += 1 }
        return encoder.nest(FieldName(intValue: count))
    }
}

private struct SingleContainer: SingleValueEncodingContainer {
    let encoder: ValueEncoder
    var codingPath: [any CodingKey] { encoder.codingPath }

    mutating func encodeNil() throws { encoder.output.writeNull() }
    mutating func encode(_ value: Bool) throws { encoder.output.write(value) }
    mutating func encode(_ value: String) throws { encoder.output.write(value) }
    mutating func encode(_ value: Double) throws { encoder.output.write(value) }
    mutating func encode(_ value: Float) throws { encoder.output.write(Double(value)) }
    mutating func encode(_ value: Int) throws { encoder.output.write(value) }
    mutating func encode(_ value: Int8) throws { encoder.output.write(value) }
    mutating func encode(_ value: Int16) throws { encoder.output.write(value) }
    mutating func encode(_ value: Int32) throws { encoder.output.write(value) }
    mutating func encode(_ value: Int64) throws { encoder.output.write(value) }
    mutating func encode(_ value: UInt) throws { encoder.output.write(value) }
    mutating func encode(_ value: UInt8) throws { encoder.output.write(value) }
    mutating func encode(_ value: UInt16) throws { encoder.output.write(value) }
    mutating func encode(_ value: UInt32) throws { encoder.output.write(value) }
    mutating func encode(_ value: UInt64) throws { encoder.output.write(value) }
    mutating func encode<Value: Encodable>(_ value: Value) throws {
        try encoder.output.write(value, at: codingPath)
    }
}
