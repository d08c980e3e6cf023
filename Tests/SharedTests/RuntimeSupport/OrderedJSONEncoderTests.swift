import Claims
import Foundation
import RuntimeSupport
import Testing

@Suite struct OrderedJSONEncoderTests {
    private func json(_ value: some Encodable) throws -> String {
        String(decoding: try OrderedJSONEncoder().encode(value), as: UTF8.self)
    }

    private struct Answer: Encodable {
        struct Part: Encodable {
            let z: Int
            let a: [Int?]
        }
        let zebra = "z"
        let apple: String? = nil
        let isFruit = true
        let parts = [Part(z: 1, a: [1, nil]), Part(z: 2, a: [])]
        let half = 0.5
        let count: Int64 = -7
    }

    @Test func fieldsKeepTheOrderOfTheirType() throws {
        #expect(
            try json(Answer())
                == #"{"zebra":"z","isFruit":true,"parts":[{"z":1,"a":[1,null]},{"z":2,"a":[]}],"half":0.5,"count":-7}"#)
    }

    @Test func aClaimBeginsWithItsIdAndStatus() throws {
        let id = try #require(ClaimID("9s7rbmh9d09d9djmla534jupt2ddmr2ot6nn371k"))
        let text = try json(
            Claim(
                id: id, userID: UserID("u1"), couponName: CouponName("SALE"), createdAt: Timestamp(milliseconds: 0)))
        #expect(
            text
                == #"{"id":"\#(id)","status":"pending","reason":null,"user_id":"u1","coupon_name":"SALE","attempts":0,"#
                + #""created_at":"1970-01-01T00:00:00.000Z","decided_at":null,"position":null,"#
                + #""estimated_seconds":null}"#)
    }

    @Test(arguments: [
        ("", #""""#), ("a\"b\\c", #""a\"b\\c""#), ("\n\r\t\u{0}\u{1f}", #""\n\r\t\u0000\u001f""#), ("ü€😀/", #""ü€😀/""#),
        ("\u{7f}\u{2028}", "\"\u{7f}\u{2028}\""),
    ])
    func aTextIsEscaped(_ text: String, _ expected: String) throws {
        #expect(try json([text]) == "[\(expected)]")
    }

    @Test func whatHasNoWordInJSONIsNull() throws {
        #expect(try json([Double.infinity, .nan, 1.25]) == "[null,null,1.25]")
    }

    @Test func theFieldsOfADictionaryAreSortedAtEveryLevel() throws {
        let fields = Dictionary(uniqueKeysWithValues: (0..<50).map { (String(format: "%02d", $0), ["b": 1, "a": 2]) })
        let expected = (0..<50).map { String(format: #""%02d":{"a":2,"b":1}"#, $0) }.joined(separator: ",")
        #expect(try json(fields) == "{\(expected)}")
    }

    /// Writes its parts through containers inside of containers, as some types do.
    private struct InParts: Encodable {
        enum Key: CodingKey { case z, list, a }

        func encode(to encoder: any Encoder) throws {
            var fields = encoder.container(keyedBy: Key.self)
            var object = fields.nestedContainer(keyedBy: Key.self, forKey: .z)
            try object.encode(1, forKey: .z)
            try object.encode([2], forKey: .a)
            var list = fields.nestedUnkeyedContainer(forKey: .list)
            var inner = list.nestedContainer(keyedBy: Key.self)
            try inner.encodeNil(forKey: .a)
            _ = list.nestedUnkeyedContainer()
            try list.encode("end")
            try "x".encode(to: fields.superEncoder(forKey: .a))
        }
    }

    @Test func containersInsideOfContainersAreClosed() throws {
        #expect(try json(InParts()) == #"{"z":{"z":1,"a":[2]},"list":[{"a":null},[],"end"],"a":"x"}"#)
    }

    @Test func emptyValuesAreWritten() throws {
        #expect(try json([String]()) == "[]")
        #expect(try json([String: Int]()) == "{}")
        #expect(try json([[Int]]()) == "[]")
    }

    /// Every text survives Foundation's decoder.
    @Test func everyScalarIsReadBackAsItIs() throws {
        let scalars = (0...0x2_FFFF).compactMap { Unicode.Scalar($0 as UInt32) }
        let text = String(String.UnicodeScalarView(scalars))
        #expect(try JSONDecoder().decode([String].self, from: OrderedJSONEncoder().encode([text])) == [text])
    }
}
