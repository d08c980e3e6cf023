import Claims
import Foundation
import RuntimeSupport
import Testing

@Suite struct CouponTests {
    private func decode(_ json: String) throws -> NewCoupon {
        try JSONDecoder().decode(NewCoupon.self, from: Data(json.utf8))
    }

    private func new(_ amount: Int = 1, limit: Int? = nil, from: Int64? = nil, to: Int64? = nil) throws -> NewCoupon {
        NewCoupon(
            name: try #require(CouponName("SALE")), amount: amount, perUserLimit: limit,
            startsAt: from.map(Timestamp.init(milliseconds:)), endsAt: to.map(Timestamp.init(milliseconds:)))
    }

    @Test func aNewCouponNeedsANameAndAnAmount() throws {
        let coupon = try decode(#"{"name": "flash sale!", "amount": 100}"#)
        #expect(coupon.name.description == "FLASH_SALE")
        #expect(coupon.amount == 100)
        #expect(coupon.perUserLimit == nil)
        #expect(coupon.eligibleUsers == nil)
        #expect(throws: DecodingError.self) { try decode(#"{"amount": 1}"#) }
        #expect(throws: DecodingError.self) { try decode(#"{"name": "a"}"#) }
    }

    @Test func theRulesOfANewCouponAreRead() throws {
        let coupon = try decode(
            """
            {"name": "a", "amount": 0, "per_user_limit": 2, "starts_at": "2026-11-22T17:27:34Z",
             "ends_at": "2026-11-22T18:27:34Z", "eligible_users": ["u1", "u2"]}
            """)
        #expect(coupon.perUserLimit == 2)
        #expect(coupon.startsAt == Timestamp("2026-11-22T17:27:34Z"))
        #expect(coupon.endsAt == Timestamp("2026-11-22T18:27:34Z"))
        #expect(coupon.eligibleUsers?.map(\.description) == ["u1", "u2"])
    }

    @Test(arguments: ["amount", "per_user_limit"]) func aNumberThatIsNotWholeIsNamed(_ field: String) throws {
        let amount = field == "amount" ? "" : #""amount": 1,"#
        let error = #expect(throws: DecodingError.self) { try decode(#"{"name": "a", \#(amount) "\#(field)": 1.5}"#) }
        #expect(error?.message == "\(field) must be a whole number")
    }

    @Test(arguments: ["per_user_limit", "starts_at", "ends_at", "eligible_users"])
    func aRuleThatIsNullIsAbsent(_ field: String) throws {
        #expect(try decode(#"{"name": "a", "amount": 1, "\#(field)": null}"#) == decode(#"{"name": "a", "amount": 1}"#))
    }

    @Test(arguments: [0, 1, 2_147_483_647])
    func anAmountUpTo31BitsIsValid(_ amount: Int) throws {
        #expect(try new(amount).validationError == nil)
    }

    @Test(arguments: [-1, 2_147_483_648, Int.max])
    func anAmountOutOfRangeIsNamed(_ amount: Int) throws {
        #expect(try new(amount).validationError?.hasPrefix("amount must be ") == true)
    }

    @Test(arguments: [0, -1, 2_147_483_648])
    func theLimitPerUserIsAtLeastOne(_ limit: Int) throws {
        #expect(try new(limit: limit).validationError?.hasPrefix("per_user_limit must be ") == true)
        #expect(try new(limit: 1).validationError == nil)
    }

    @Test func anEndBeforeTheStartIsRefused() throws {
        #expect(try new(from: 1000, to: 1001).validationError == nil)
        #expect(try new(from: 1000, to: 1000).validationError?.hasPrefix("ends_at must be ") == true)
        #expect(try new(from: 1000, to: 999).validationError?.hasPrefix("ends_at must be ") == true)
        #expect(try new(from: 1000).validationError == nil)
        #expect(try new(to: 1000).validationError == nil)
    }

    @Test func aCouponIsEncodedWithItsRulesEvenIfTheyAreNull() throws {
        let json = """
            {"amount":5,"created_at":"2026-11-22T17:27:34.123Z","ends_at":null,"is_restricted":false,"name":"SALE",\
            "per_user_limit":1,"remaining_amount":3,"starts_at":null}
            """
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        var coupon = try JSONDecoder().decode(Coupon.self, from: Data(json.utf8))
        #expect(String(decoding: try encoder.encode(coupon), as: UTF8.self) == json)
        coupon.claimedBy = []
        #expect(String(decoding: try encoder.encode(coupon), as: UTF8.self).contains(#""claimed_by":[],"#))
    }
}
