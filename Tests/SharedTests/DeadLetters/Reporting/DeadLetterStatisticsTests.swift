import Claims
import RuntimeSupport
import Testing

@testable import DeadLetters

@Suite struct DeadLetterStatisticsTests {
    /// Dead letters with three causes: half of them, a third and a sixth.
    private func letters(_ count: Int) -> [DeadLetter] {
        (0..<count).map { number -> DeadLetter in
            let coupon = number.isMultiple(of: 4) ? "FLASH" : "SALE"
            let (reason, error) =
                switch number % 6 {
                case 0, 1, 2: ("lock_held", "lock of \"\(coupon)\" is held by w-\(number) for \(number) ms")
                case 3, 4: ("database_error", "deadlock of process \(number) (SQLSTATE 40P01)")
                default: ("database_error", "claim \(ClaimMessage.made(number).id) is there (SQLSTATE 23505)")
                }
            let died = Timestamp(milliseconds: DeadLetter.end.milliseconds + Int64(number))
            return .made(number, coupon: coupon, reason: reason, error: error, died: died)
        }
    }

    @Test func thousandsOfMessagesAreGroupedByCause() {
        let causes = DeadLetterStatistics(letters(4812)).causes
        let expected = [
            ErrorGroup(reason: "lock_held", error: "lock of \"…\" is held by w-# for # ms"),
            ErrorGroup(reason: "database_error", error: "deadlock of process # (SQLSTATE 40P01)"),
            ErrorGroup(reason: "database_error", error: "claim # is there (SQLSTATE 23505)"),
        ]
        #expect(causes.map { $0.cause } == expected)
        #expect(causes.map { $0.group.count } == [2406, 1604, 802])
    }

    @Test func allMessagesAreCountedWithTheirTimesAndCoupons() {
        let all = DeadLetterStatistics(Array(letters(4812).reversed())).all
        #expect(all.count == 4812)
        #expect(all.oldest == DeadLetter.end)
        #expect(all.newest == Timestamp(milliseconds: DeadLetter.end.milliseconds + 4811))
        #expect(all.coupons == ["FLASH", "SALE"])
    }

    @Test func theMostFrequentReasonsAndCouponsComeFirst() {
        let statistics = DeadLetterStatistics(letters(12) + [DeadLetter.made(20)])
        #expect(statistics.reasons.map { $0.reason } == ["lock_held", "database_error"])
        #expect(statistics.reasons.map { $0.group.count } == [7, 6])
        #expect(statistics.coupons.map { $0.couponName } == ["SALE", "FLASH"])
        #expect(statistics.coupons.map { $0.group.count } == [10, 3])
    }

    @Test func groupsOfTheSameSizeAreSortedByName() {
        let statistics = DeadLetterStatistics([
            .made(1, coupon: "B", reason: "y", error: "2"), .made(2, coupon: "A", reason: "x", error: "b"),
            .made(3, coupon: "C", reason: "x", error: "a"), .made(4, coupon: "B", reason: "y", error: "1"),
            .made(5, coupon: "A", reason: nil, error: "c"),
        ])
        #expect(statistics.reasons.map { $0.reason } == ["x", "y", nil])
        #expect(statistics.coupons.map { $0.couponName } == ["A", "B", "C"])
        #expect(statistics.causes.map { $0.cause.error } == ["#", "c", "a", "b"])
    }

    @Test func oneErrorWithTwoReasonsIsTwoCauses() {
        let causes = DeadLetterStatistics([.made(1, reason: "x"), .made(2, reason: "y")]).causes
        #expect(causes.count == 2)
        #expect(causes.allSatisfy { $0.group.count == 1 })
    }

    @Test func theExampleOfAGroupBelongsToIt() {
        for (cause, group) in DeadLetterStatistics(letters(60)).causes {
            #expect(group.example?.error.map(ErrorGroup.folded) == cause.error)
            #expect(group.example?.reason == cause.reason)
        }
    }

    @Test func unreadableMessagesAreCountedWithoutATime() {
        let statistics = DeadLetterStatistics([.stray(""), .stray("", messageID: "order-17")])
        #expect(statistics.all.count == 2)
        #expect(statistics.all.oldest == nil)
        #expect(statistics.all.newest == nil)
        #expect(statistics.all.coupons.isEmpty)
        #expect(statistics.reasons.map { $0.reason } == [nil])
        #expect(statistics.coupons.map { $0.couponName } == [nil])
        #expect(statistics.causes.map { $0.group.count } == [2])
    }

    @Test func unknownTimesAreIgnored() {
        let all = DeadLetterStatistics([.stray(""), .made(1), .stray("")]).all
        #expect(all.oldest == DeadLetter.end)
        #expect(all.newest == DeadLetter.end)
    }

    @Test func anEmptyQueueHasNoCauses() {
        let statistics = DeadLetterStatistics([])
        #expect(statistics.all.count == 0)
        #expect(statistics.reasons.isEmpty)
        #expect(statistics.coupons.isEmpty)
        #expect(statistics.causes.isEmpty)
    }
}
