import RuntimeSupport
import Testing

@testable import DeadLetters

@Suite struct DeadLetterFilterTests {
    private func matches(
        _ filter: DeadLetterFilter, _ letter: DeadLetter = .made(), milliseconds: Int64 = 0
    ) -> Bool {
        filter.matches(letter, at: Timestamp(milliseconds: DeadLetter.end.milliseconds + milliseconds))
    }

    @Test func anEmptyFilterMatchesEverything() {
        #expect(DeadLetterFilter().isEmpty)
        #expect(matches(DeadLetterFilter()))
        #expect(matches(DeadLetterFilter(), .stray("odd")))
    }

    @Test func aFilterWithAFieldIsNotEmpty() {
        let filters = [
            DeadLetterFilter(reason: "lock_held"), DeadLetterFilter(couponName: "SALE"),
            DeadLetterFilter(userID: "u1"), DeadLetterFilter(olderThan: 0), DeadLetterFilter(newerThan: 0),
        ]
        #expect(!filters.contains { $0.isEmpty })
    }

    @Test func theReasonMustMatchExactly() {
        #expect(matches(DeadLetterFilter(reason: "lock_held")))
        #expect(!matches(DeadLetterFilter(reason: "lock")))
        #expect(!matches(DeadLetterFilter(reason: "lock_held"), .made(reason: nil)))
    }

    @Test func theCouponMustMatchExactly() {
        #expect(matches(DeadLetterFilter(couponName: "SALE")))
        #expect(!matches(DeadLetterFilter(couponName: "SALES")))
        #expect(!matches(DeadLetterFilter(couponName: "SALE"), .stray("odd")))
        #expect(matches(DeadLetterFilter(couponName: "SALE"), .stray(#"{"coupon_name": "sale"}"#)))
    }

    @Test func theUserMustMatchExactly() {
        #expect(matches(DeadLetterFilter(userID: "u1")))
        #expect(!matches(DeadLetterFilter(userID: "U1")))
        #expect(!matches(DeadLetterFilter(userID: "u1"), .stray("odd")))
    }

    @Test(arguments: [(59_999, false), (60_000, false), (60_001, true)] as [(Int64, Bool)])
    func olderThanExcludesTheExactAge(_ milliseconds: Int64, _ isMeant: Bool) {
        #expect(matches(DeadLetterFilter(olderThan: 60), milliseconds: milliseconds) == isMeant)
    }

    @Test(arguments: [(59_999, true), (60_000, false), (60_001, false)] as [(Int64, Bool)])
    func newerThanExcludesTheExactAge(_ milliseconds: Int64, _ isMeant: Bool) {
        #expect(matches(DeadLetterFilter(newerThan: 60), milliseconds: milliseconds) == isMeant)
    }

    @Test func anUnknownTimeOfDeathIsOlderThanEverything() {
        let unknown = DeadLetter.made(died: nil)
        #expect(matches(DeadLetterFilter(olderThan: .max), unknown))
        #expect(!matches(DeadLetterFilter(newerThan: .max), unknown))
    }

    @Test func aTimeOfDeathInTheFutureIsNew() {
        #expect(matches(DeadLetterFilter(newerThan: 0), milliseconds: -1))
        #expect(!matches(DeadLetterFilter(olderThan: 0), milliseconds: -1))
    }

    @Test func allFieldsMustMatch() {
        let all = DeadLetterFilter(
            reason: "lock_held", couponName: "SALE", userID: "u1", olderThan: 60, newerThan: 120)
        #expect(matches(all, milliseconds: 90_000))
        #expect(!matches(all, milliseconds: 60_000))
        #expect(!matches(all, milliseconds: 120_000))
        #expect(!matches(all, .made(2), milliseconds: 90_000))
        #expect(!matches(all, .made(coupon: "FLASH"), milliseconds: 90_000))
        #expect(!matches(all, .made(reason: "unreadable"), milliseconds: 90_000))
    }
}
