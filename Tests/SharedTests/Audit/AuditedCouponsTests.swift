import Testing

@testable import Audit

@Suite struct AuditedCouponsTests {
    private let coupon = AuditedCoupons.Coupon(id: 1, name: "A", amount: 10, remaining: 8, limit: 2)
    private let totals = {
        var totals = AuditTotals()
        totals.claimed = ["A": .init(count: 2, checksum: 77)]
        totals.held = [1: .init(count: 2, checksum: 77, highestSlot: 2, gaps: 0)]
        return totals
    }()

    private func audited(_ change: (inout AuditTotals) -> Void) -> AuditedCoupons {
        var changed = totals
        change(&changed)
        return AuditedCoupons([coupon], changed)
    }

    @Test func rowsThatAddUpBreakNoRule() {
        let audited = audited { _ in }
        #expect(audited.violations == [] && audited.brokenRules == [])
        let unclaimed = AuditedCoupons(
            [.init(id: 9, name: "B", amount: 3, remaining: 3, limit: 1)], AuditTotals())
        #expect(unclaimed.violations == [] && unclaimed.brokenRules == [])
    }

    @Test func aCountThatDiffersIsAViolation() {
        for audited in [
            audited { $0.held[1]?.count = 1 }, audited { $0.claimed["A"]?.count = 3 }, audited { $0.held = [:] },
        ] {
            #expect(audited.violations.map(\.rule) == ["quota_adds_up"])
            #expect(audited.violations.map(\.subject) == ["A"])
            #expect(audited.brokenRules == AuditRule.matching)
        }
    }

    @Test func aRemainingAmountOutsideTheAmountIsAViolation() {
        for remaining in [-1, 11] {
            let coupon = AuditedCoupons.Coupon(id: 1, name: "A", amount: 10, remaining: remaining, limit: 2)
            let rules = AuditedCoupons([coupon], totals).violations.map(\.rule)
            #expect(rules.contains("remaining_is_within_amount"))
        }
    }

    @Test func aChecksumThatDiffersLeadsToTheRowsThatDoNotMatch() {
        let audited = audited { $0.held[1]?.checksum = 78 }
        #expect(audited.violations == [])
        #expect(audited.brokenRules == AuditRule.matching)
    }

    @Test func rowsOfACouponThatDoesNotExistMatchNothing() {
        #expect(audited { $0.held[2] = .init(count: 1) }.brokenRules == AuditRule.matching)
        #expect(audited { $0.claimed["B"] = .init(count: 1) }.brokenRules == AuditRule.matching)
    }

    @Test func aSlotAboveTheLimitOrAboveAGapLeadsToItsUser() {
        #expect(audited { $0.held[1]?.highestSlot = 3 }.brokenRules == [.limit])
        #expect(audited { $0.held[1]?.gaps = 1 }.brokenRules == [.slots])
    }

    @Test func thePartsOfATableAddUpInAnyOrder() {
        var first = AuditTotals()
        first.claims = 3
        first.claimed = ["A": .init(count: 1, checksum: 5)]
        first.held = [1: .init(count: 1, checksum: 5, highestSlot: 3, gaps: 1)]
        first.deadLettered = ["x"]
        var second = AuditTotals()
        second.claims = 4
        second.claimed = ["A": .init(count: 2, checksum: 6), "B": .init(count: 1, checksum: 1)]
        second.held = [1: .init(count: 2, checksum: 6, highestSlot: 2, gaps: 2)]
        second.deadLettered = ["y"]
        for (one, other) in [(first, second), (second, first)] {
            var sum = one
            sum.add(other)
            #expect(sum.claims == 7 && sum.deadLettered == ["x", "y"])
            #expect(sum.claimed == ["A": .init(count: 3, checksum: 3), "B": .init(count: 1, checksum: 1)])
            #expect(sum.held == [1: .init(count: 3, checksum: 3, highestSlot: 3, gaps: 3)])
        }
    }
}
