import Claims
import Foundation
import Testing

@Suite struct DecodingErrorMessageTests {
    private struct Body: Decodable {
        struct Nested: Decodable {
            var count: Int
        }
        var text: String?
        var number: Int?
        var flag: Bool?
        var ratio: Double?
        var list: [Int]?
        var nested: Nested?
        var several: [Nested]?
        var needed: String
    }

    /// Returns the error message for a body; nil if it is valid.
    private func message(_ json: String) -> String? {
        do {
            _ = try JSONDecoder().decode(Body.self, from: Data(json.utf8))
            return nil
        } catch {
            return (error as? DecodingError)?.message
        }
    }

    @Test func aValidBodyIsDecoded() {
        #expect(message(#"{"needed": "x"}"#) == nil)
    }

    @Test(arguments: [
        (#"{}"#, "needed is missing"),
        (#"{"needed": null}"#, "needed must be a string, not null"),
        (#"{"needed": 1}"#, "needed must be a string"),
        (#"{"needed": "x", "text": {}}"#, "text must be a string"),
        (#"{"needed": "x", "number": "1"}"#, "number must be a whole number"),
        (#"{"needed": "x", "flag": "yes"}"#, "flag must be true or false"),
        (#"{"needed": "x", "ratio": "1"}"#, "ratio must be a number"),
        (#"{"needed": "x", "list": "1"}"#, "list must be a list"),
        (#"{"needed": "x", "list": {}}"#, "list must be a list"),
        (#"{"needed": "x", "nested": "1"}"#, "nested must be an object"),
        (#"{"needed": "x", "nested": []}"#, "nested must be an object"),
    ])
    func theErrorNamesTheFieldAndTheExpectedType(_ json: String, _ expected: String) {
        #expect(message(json) == expected)
    }

    @Test(arguments: [
        (#"{"needed": "x", "nested": {}}"#, "nested.count is missing"),
        (#"{"needed": "x", "nested": {"count": "1"}}"#, "nested.count must be a whole number"),
        (#"{"needed": "x", "list": [1, "2"]}"#, "list.1 must be a whole number"),
        (#"{"needed": "x", "several": [{"count": 1}, {}]}"#, "several.1.count is missing"),
        (#"{"needed": "x", "several": [null]}"#, "several.0 must be an object, not null"),
    ])
    func aNestedFieldIsNamedByItsPath(_ json: String, _ expected: String) {
        #expect(message(json) == expected)
    }

    private struct Whole: Decodable {
        enum CodingKeys: CodingKey {
            case number
        }
        let number: Int

        init(from decoder: any Decoder) throws {
            number = try decoder.container(keyedBy: CodingKeys.self).decodeWholeNumber(forKey: .number)
        }
    }

    @Test(arguments: ["1.5", "1e30", "9223372036854775808", "\"1\"", "true"])
    func aNumberThatIsNotWholeIsReported(_ number: String) {
        let error = #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(Whole.self, from: Data(#"{"number": \#(number)}"#.utf8))
        }
        #expect(error?.message == "number must be a whole number")
    }

    @Test(arguments: [("0", 0), ("-7", -7), ("2e2", 200), ("3.0", 3)])
    func anyNotationOfAWholeNumberIsDecoded(_ json: String, _ number: Int) throws {
        #expect(try JSONDecoder().decode(Whole.self, from: Data(#"{"number": \#(json)}"#.utf8)).number == number)
    }

    @Test(arguments: ["", "{", "no json", "{'needed': 'x'}"])
    func aBodyThatIsNotJSONIsReported(_ json: String) {
        #expect(message(json) == "the body is not valid JSON")
    }

    @Test(arguments: ["[]", "1", "\"x\"", "null", "true"])
    func aBodyThatIsNotAnObjectIsReported(_ json: String) {
        #expect(message(json) == "the body must be a JSON object")
    }

    @Test func theRuleOfAFieldIsReportedWithItsName() {
        let error = #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([String: UserID].self, from: Data(#"{"user_id": ""}"#.utf8))
        }
        #expect(error?.message == "user_id must be 1 to 128 characters without control characters")
    }
}
