import Claims
import Foundation
import RuntimeSupport
import Testing

@Suite struct CouponChangeTests {
    private func decode(_ json: String) throws -> CouponChange {
        try JSONDecoder().decode(CouponChange.self, from: Data(json.utf8))
    }

    @Test func absentFieldsDoNotChange() throws {
        #expect(try decode("{}") == CouponChange())
        #expect(try decode(#"{"amount": 5}"#) == CouponChange(amount: 5))
        #expect(try decode(#"{"name": "OTHER", "color": "red"}"#) == CouponChange())
    }

    @Test func aTimeThatIsNullIsRemoved() throws {
        let time = try #require(Timestamp("2026-11-22T17:27:34Z"))
        #expect(try decode(#"{"ends_at": null}"#) == CouponChange(endsAt: .some(nil)))
        #expect(try decode(#"{"starts_at": "2026-11-22T17:27:34Z"}"#) == CouponChange(startsAt: time))
        #expect(try decode(#"{"starts_at": null}"#) != CouponChange())
    }

    @Test(arguments: ["amount", "per_user_limit"]) func aNumberCannotBeNull(_ field: String) {
        let error = #expect(throws: DecodingError.self) { try decode(#"{"\#(field)": null}"#) }
        #expect(error?.message.contains(field) == true)
    }

    @Test(arguments: ["amount", "per_user_limit"]) func aNumberThatIsNotWholeIsNamed(_ field: String) {
        let error = #expect(throws: DecodingError.self) { try decode(#"{"\#(field)": 1.5}"#) }
        #expect(error?.message == "\(field) must be a whole number")
    }

    @Test(
        arguments: [
            (-1, nil, "amount"), (2_147_483_648, nil, "amount"), (1, 0, "per_user_limit"),
            (nil, 2_147_483_648, "per_user_limit"),
        ] as [(Int?, Int?, String)])
    func aNumberOutOfRangeIsNamed(_ amount: Int?, _ limit: Int?, _ field: String) {
        #expect(CouponChange(amount: amount, perUserLimit: limit).validationError?.hasPrefix(field) == true)
    }

    @Test func theLargestNumbersAreValid() {
        #expect(CouponChange(amount: 2_147_483_647, perUserLimit: 2_147_483_647).validationError == nil)
        #expect(CouponChange(amount: 0, perUserLimit: 1).validationError == nil)
    }
}
