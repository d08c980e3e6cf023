import Broker
import Foundation
import OrderedCollections
import Testing

@testable import DeadLetters

@Suite struct JSONValueTests {
    private func body(_ text: String) -> JSONValue {
        JSONValue(body: Array(text.utf8))
    }

    @Test func anObjectIsShownAsAnObject() {
        let inner: [JSONValue] = [.integer(1), .number(1.5), .string("x"), .null, .boolean(true), .object([:])]
        let object = JSONValue.object(["a": .array(inner), "ü": .integer(-7)])
        #expect(body(#"{"a": [1, 1.5, "x", null, true, {}], "ü": -7}"#) == object)
    }

    @Test func anArrayIsShownAsAnArray() {
        #expect(body("[]") == .array([]))
        #expect(body(" [false] ") == .array([.boolean(false)]))
    }

    @Test(arguments: ["", " ", "hello", "\"quoted\"", "17", "true", "null", "{", "{}{}", "größe\n🎉", "{'a': 1}"])
    func anyOtherBodyIsShownAsText(_ text: String) {
        #expect(body(text) == .string(text))
    }

    @Test func aBodyThatIsNotUTF8IsShownInBase64() {
        #expect(JSONValue(body: [0xFF, 0x00]) == .string("/wA="))
    }

    @Test func aBodyNestedTooDeeplyIsShownAsText() {
        let text = String(repeating: "[", count: 2000) + String(repeating: "]", count: 2000)
        #expect(body(text) == .string(text))
    }

    @Test func largeIntegersAreRead() {
        #expect(body("[9223372036854775807]") == .array([.integer(.max)]))
        #expect(body("[18446744073709551616]") == .array([.number(18_446_744_073_709_551_616)]))
    }

    @Test(
        arguments: [
            (.boolean(true), .boolean(true)), (.int8(-3), .integer(-3)), (.uint16(3), .integer(3)),
            (.int64(.min), .integer(.min)), (.uint64(3), .integer(3)), (.float(1.5), .number(1.5)),
            (.double(0.1), .number(0.1)), (.decimal(places: 2, value: 314), .number(3.14)),
            (.string("lock_held"), .string("lock_held")), (.rawString([0xFF]), .string("/w==")),
            (.bytes([]), .string("")), (.void, .null), (.array([.int8(1), .void]), .array([.integer(1), .null])),
            (.table(["a": .table([:])]), .object(["a": .object([:])])),
        ] as [(AMQPValue, JSONValue)])
    func aHeaderIsShownWithoutItsType(_ value: AMQPValue, _ expected: JSONValue) {
        #expect(JSONValue(value) == expected)
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1_795_368_454, "2026-11-22T17:27:34.000Z"),
            (.max, "9999-12-31T23:59:59.999Z"),
        ] as [(UInt64, String)])
    func aTimestampIsShownInRFC3339(_ seconds: UInt64, _ text: String) {
        #expect(JSONValue(.timestamp(seconds)) == .string(text))
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity]) func numbersThatJSONCannotHoldAreNull(_ number: Double) throws
    {
        let data = try JSONEncoder().encode([JSONValue(.double(number))])
        #expect(String(decoding: data, as: UTF8.self) == "[null]")
    }

    @Test func aValueSurvivesEncodingAndDecoding() throws {
        let value = body(#"{"a": [1, -0.5, "x\u0000", null, true, {"b": []}]}"#)
        #expect(try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(value)) == value)
    }

    @Test func thePrettyFormHasOneFieldPerLine() {
        #expect(body(#"{"b": "/", "a": 1}"#).pretty == "{\n  \"a\" : 1,\n  \"b\" : \"/\"\n}")
        #expect(body("hello").pretty == "\"hello\"")
    }
}
