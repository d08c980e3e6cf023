import Broker
import Foundation
import OrderedCollections
import Testing

@testable import DeadLetters

@Suite struct TypedValueTests {
    private func json(_ value: AMQPValue) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(TypedValue(value)), as: UTF8.self)
    }

    private func read(_ json: String) throws -> AMQPValue {
        try JSONDecoder().decode(TypedValue.self, from: Data(json.utf8)).value
    }

    @Test(
        arguments: [
            (.boolean(true), #"{"boolean":true}"#), (.int32(4), #"{"int32":4}"#),
            (.uint64(.max), #"{"uint64":18446744073709551615}"#), (.double(1), #"{"double":4607182418800017408}"#),
            (.decimal(places: 2, value: 314), #"{"decimal":{"places":2,"value":314}}"#),
            (.string("lock_held"), #"{"string":"lock_held"}"#), (.rawString([0xFF]), #"{"raw_string":"/w=="}"#),
            (.bytes([]), #"{"bytes":""}"#), (.timestamp(1), #"{"timestamp":1}"#), (.void, #"{"void":null}"#),
            (.array([.int8(1), .void]), #"{"array":[{"int8":1},{"void":null}]}"#),
            (.table(["a": .table([:])]), #"{"table":{"a":{"table":{}}}}"#),
        ] as [(AMQPValue, String)])
    func aValueIsWrittenWithItsType(_ value: AMQPValue, _ expected: String) throws {
        #expect(try json(value) == expected)
        #expect(try read(expected) == value)
    }

    @Test(
        arguments: [
            .boolean(false), .int8(.min), .int8(.max), .uint8(.max), .int16(.min), .uint16(.max), .int32(.min),
            .uint32(.max), .int64(.min), .int64(.max), .uint64(.max), .float(.infinity), .float(-.infinity),
            .float(.leastNonzeroMagnitude), .double(.infinity), .double(-.infinity), .double(0.1),
            .double(.greatestFiniteMagnitude), .decimal(places: .max, value: .max), .string(""),
            .string("größe \"\\/\0\u{7f}\u{2028}\r\n🎉"), .rawString([0xC3]), .bytes([0, 0xFF]), .timestamp(.max),
            .array([]), .array([.array([.array([.void])])]), .table([:]), .table(["": .void, "ß": .array([])]),
        ] as [AMQPValue])
    func everyKindOfValueIsReadBackUnchanged(_ value: AMQPValue) throws {
        #expect(try read(json(value)) == value)
    }

    @Test(arguments: [Double.nan, -Double.nan, -0.0, Double(bitPattern: 0x7FF8_0000_DEAD_BEEF)])
    func numbersThatJSONCannotHoldAreReadBackBitForBit(_ number: Double) throws {
        guard case .double(let double) = try read(json(.double(number))) else {
            Issue.record("no double")
            return
        }
        #expect(double.bitPattern == number.bitPattern)
        guard case .float(let float) = try read(json(.float(Float(number)))) else {
            Issue.record("no float")
            return
        }
        #expect(float.bitPattern == Float(number).bitPattern)
    }

    @Test(arguments: [
        "{}", "null", "1", "[]", #""lock_held""#, #"{"text": "x"}"#, #"{"string": "x", "int8": 1}"#, #"{"string": 1}"#,
        #"{"int8": 300}"#, #"{"uint8": -1}"#, #"{"int32": 1.5}"#, #"{"int32": "1"}"#, #"{"uint64": 1e30}"#,
        #"{"boolean": null}"#, #"{"bytes": "!"}"#, #"{"decimal": 1}"#, #"{"array": {}}"#, #"{"array": [1]}"#,
        #"{"table": []}"#, #"{"table": {"a": 1}}"#, #"{"timestamp": -1}"#, #"{"double": 0.5}"#,
    ])
    func anythingElseIsRefused(_ json: String) {
        #expect(throws: (any Error).self) { try read(json) }
    }
}
