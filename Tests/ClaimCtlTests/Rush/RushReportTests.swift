import Testing

@testable import claimctl

@Suite struct RushReportTests {
    private var right: Rush.Result {
        var result = Rush.Result()
        (result.users, result.available, result.accepted, result.givenOut) = (100, 10, 100, 10)
        result.outcomes = ["claimed": 10, "rejected": 90]
        return result
    }

    private func problems(_ result: Rush.Result, violations: [String] = []) -> [String] {
        RushReport(result, violations: violations, coupons: 1, claims: 100).problems
    }

    @Test func aRushThatGaveOutEveryCouponOnceIsRight() {
        #expect(problems(right).isEmpty)
    }

    @Test func aCouponTooManyOrTooFewIsWrong() {
        for claimed in [9, 11] {
            var result = right
            (result.outcomes["claimed"], result.givenOut) = (claimed, claimed)
            result.outcomes["rejected"] = 100 - claimed
            #expect(problems(result) == ["\(claimed) of 10 coupons were given out"])
        }
    }

    @Test func aQuotaThatDiffersFromTheClaimsIsWrong() {
        var result = right
        result.givenOut = 11
        #expect(problems(result) == ["the quotas say that 11 were given out, the claims 10"])
    }

    @Test func anAcceptedClaimWithoutAnOutcomeIsWrong() {
        var result = right
        result.outcomes["rejected"] = 89
        #expect(problems(result) == ["1 accepted claim without an outcome"])
    }

    @Test func refusedClaimsAndViolationsAreNamed() {
        var result = right
        result.accepted = 95
        result.failures = ["overloaded": 5]
        result.outcomes["rejected"] = 85
        #expect(
            problems(result, violations: ["rule: S: text"]) == ["rule: S: text", "5 claims not accepted: overloaded"])
    }
}
