import Foundation
import Testing

@testable import ClaimAPI

@Suite struct StrictJSONTests {
    @Test(arguments: [
        "{}", "[]", "[1,2]", #"{"a":[1,{"b":"c,]"}],"d":","}"#, #"["\",]"]"#, "[ 1 , 2 ]", #"{"a":"ü€😀"}"#, "1", "",
    ])
    func aTextInUTF8IsAccepted(_ text: String) {
        #expect(StrictJSON(Data(text.utf8)).violation == nil)
    }

    @Test(arguments: ["[1,]", "{\"a\":1,}", "[1, \n ]", #"{"a":[1,2,],"b":3}"#, #"["\\",]"#, "[,]"])
    func aTrailingCommaIsFound(_ text: String) {
        #expect(StrictJSON(Data(text.utf8)).violation?.contains("comma") == true)
    }

    @Test(arguments: [
        String.Encoding.utf16, .utf16LittleEndian, .utf16BigEndian, .utf32, .utf32LittleEndian, .utf32BigEndian,
    ])
    func anotherEncodingIsRefused(_ encoding: String.Encoding) throws {
        let data = try #require(#"{"user_id":"u1"}"#.data(using: encoding))
        #expect(StrictJSON(data).violation?.contains("UTF-8") == true)
    }

    @Test(
        arguments: [[0xEF, 0xBB, 0xBF, 0x7B, 0x7D], [0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0x00, 0x22]]
            as [[UInt8]])
    func bytesThatAreNotPlainUTF8AreRefused(_ bytes: [UInt8]) {
        #expect(StrictJSON(Data(bytes)).violation != nil)
    }

    @Test(arguments: [("[]", 0), ("[1,2,3]", 2), (#"["a,b","\",c"]"#, 1), (#"{"a":[1,2],"b":3}"#, 2)])
    func theCommasOutsideOfStringsAreCounted(_ text: String, _ commas: Int) {
        #expect(StrictJSON(Data(text.utf8)).commas == commas)
    }
}
