import Claims
import Foundation
import SeededRandom
import Testing

@Suite struct CouponNameTests {
    @Test(arguments: [
        ("flash sale!", "FLASH_SALE"), ("FLASH_SALE", "FLASH_SALE"), ("Flash-Sale", "FLASH_SALE"),
        ("flash  -- sale", "FLASH_SALE"), ("flash___sale", "FLASH_SALE"), ("__flash sale__", "FLASH_SALE"),
        (" 50% off ", "50_OFF"), ("a", "A"), ("7", "7"), ("größe", "GR_E"), ("🎉sale🎉", "SALE"),
        ("a\u{212A}b", "A_B"),
    ])
    func aNameIsNormalised(_ written: String, _ normal: String) {
        #expect(CouponName(written)?.description == normal)
    }

    @Test func namesThatNormaliseAlikeAreEqual() {
        #expect(CouponName("flash sale!") == CouponName("FLASH_SALE"))
    }

    @Test func aNormalNameIsNotChanged() throws {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<2000 {
            let written = String(
                decoding: (0..<20).map { _ in UInt8.random(in: 0x20...0x7E, using: &random) }, as: UTF8.self)
            guard let name = CouponName(written) else { continue }
            #expect(CouponName(name.description) == name)
            #expect(name.description.wholeMatch(of: /[A-Z0-9]+(_[A-Z0-9]+)*/) != nil, "of \(written)")
        }
    }

    @Test(arguments: ["", " ", "!!!", "___", "äöü", "🎉"])
    func aNameWithoutLettersAndDigitsIsRefused(_ written: String) {
        #expect(CouponName(written) == nil)
    }

    @Test(arguments: ["a\0b", "a\nb", "a\tb", "\u{1B}a", "a\u{7F}", "a\u{85}b", "a\u{9F}"])
    func controlCharactersAreRefused(_ written: String) {
        #expect(CouponName(written) == nil)
    }

    @Test func aNameHas64CharactersAtMost() {
        let longest = String(repeating: "a", count: 64)
        #expect(CouponName(longest)?.description == longest.uppercased())
        #expect(CouponName(longest + "a") == nil)
    }

    @Test func charactersAreCountedBeforeTheNameIsNormalised() {
        #expect(CouponName("a" + String(repeating: "!", count: 63))?.description == "A")
        #expect(CouponName("a" + String(repeating: "!", count: 64)) == nil)
    }

    @Test func theLengthCountsCharactersNotBytes() {
        #expect(CouponName("a" + String(repeating: "ü", count: 63))?.description == "A")
    }

    @Test func decodingAnInvalidNameFails() {
        #expect(throws: DecodingError.self) { try JSONDecoder().decode([CouponName].self, from: Data(#"["!"]"#.utf8)) }
    }

    @Test func aNameIsDecodedInItsNormalForm() throws {
        let names = try JSONDecoder().decode([CouponName].self, from: Data(#"["flash sale!"]"#.utf8))
        #expect(names.map(\.description) == ["FLASH_SALE"])
    }
}

@Suite struct CouponLaneTests {
    /// FNV-1a of 64 bits, computed independently. A change would split coupons between two lanes.
    @Test(arguments: [
        ("FLASH_SALE", [0, 1, 0, 1, 1, 129]), ("A", [0, 0, 0, 4, 12, 236]), ("COUPON_1", [0, 1, 0, 7, 7, 183]),
        ("COUPON_2", [0, 0, 1, 2, 10, 106]), ("SUMMER_2026", [0, 1, 0, 7, 7, 215]),
        (String(repeating: "X", count: 64), [0, 1, 2, 5, 5, 37]),
    ])
    func theLaneOfACouponNeverChanges(_ name: String, _ lanes: [Int]) throws {
        let name = try #require(CouponName(name))
        #expect([1, 2, 3, 8, 16, 256].map(name.lane) == lanes)
    }

    @Test func namesThatNormaliseAlikeHaveTheSameLane() {
        #expect(CouponName("coupon 1")?.lane(of: 8) == CouponName("COUPON_1")?.lane(of: 8))
    }

    @Test(arguments: ["COUPON_%d", "COUPON_%05d", "%d_PERCENT_OFF", "SALE_2026_%x"])
    func couponsAreSpreadEvenlyOverTheLanes(_ format: String) throws {
        var counts = [Int](repeating: 0, count: 8)
        for number in 0..<4000 {
            counts[try #require(CouponName(String(format: format, number))).lane(of: 8)] += 1
        }
        #expect(counts.allSatisfy { (450...550).contains($0) }, "\(counts)")
    }

    @Test(arguments: [1, 2, 3, 5, 8, 100, 256])
    func theLaneIsWithinTheNumberOfLanes(_ lanes: Int) throws {
        for number in 0..<500 {
            #expect((0..<lanes).contains(try #require(CouponName("N\(number)")).lane(of: lanes)))
        }
    }
}
