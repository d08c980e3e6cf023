import Claims
import Foundation
import RuntimeSupport
import Testing

@Suite struct ClaimTests {
    private func json(_ claim: Claim) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return String(decoding: try encoder.encode(claim), as: UTF8.self)
    }

    private func pending() throws -> Claim {
        Claim(id: try #require(ClaimID(String(repeating: "0", count: 40))))
    }

    @Test func everyFieldIsEncodedEvenIfItIsNull() throws {
        let id = String(repeating: "0", count: 40)
        #expect(
            try json(pending())
                == #"{"attempts":0,"coupon_name":null,"created_at":null,"decided_at":null,"#
                + #""estimated_seconds":null,"id":"\#(id)","position":null,"#
                + #""reason":null,"status":"pending","user_id":null}"#)
    }

    @Test func aClaimIsReadBackFromJSON() throws {
        var claim = try pending()
        claim.status = .deadLettered
        claim.reason = "lock_held"
        claim.userID = UserID("größe")
        claim.couponName = CouponName("FLASH_SALE")
        claim.attempts = 4
        claim.createdAt = Timestamp(milliseconds: 1_795_368_454_123)
        claim.decidedAt = Timestamp(milliseconds: 1_795_368_459_456)
        #expect(try JSONDecoder().decode(Claim.self, from: Data(json(claim).utf8)) == claim)
    }

    @Test func everyStatusExceptPendingIsFinal() {
        #expect(ClaimStatus.allCases.filter { !$0.isFinal } == [.pending])
    }

    @Test func theStatusesAreThoseOfTheContract() {
        #expect(
            Set(ClaimStatus.allCases.map(\.rawValue))
                == ["pending", "claimed", "rejected", "dead_lettered", "discarded", "cancelled"])
    }

    @Test func theRejectionsAreThoseOfTheContract() {
        #expect(
            Set(Rejection.allCases.map(\.rawValue))
                == ["sold_out", "already_claimed", "coupon_not_found", "not_started", "expired", "not_eligible"])
    }
}
