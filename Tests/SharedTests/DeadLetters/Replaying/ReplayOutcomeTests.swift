import Claims
import RuntimeSupport
import Testing

@testable import DeadLetters

@Suite struct ReplayOutcomeTests {
    private let id = ClaimMessage.made(1).id

    /// The outcome of a claim that was sent at ``DeadLetter/end``, from its row.
    private func outcome(
        _ status: ClaimStatus, decided milliseconds: Int64? = 1, wasDecided: Bool = false
    ) -> ReplayOutcome {
        let decidedAt = milliseconds.map { Timestamp(milliseconds: DeadLetter.end.milliseconds + $0) }
        return ReplayOutcome(
            Claim(id: id, status: status, decidedAt: decidedAt),
            sent: SentClaim(id: id, at: DeadLetter.end, wasDecided: wasDecided))
    }

    @Test(arguments: [true, false]) func aClaimWithoutARowIsPending(_ wasDecided: Bool) {
        #expect(ReplayOutcome(nil, sent: SentClaim(id: id, at: DeadLetter.end, wasDecided: wasDecided)) == .pending)
        #expect(outcome(.pending, decided: nil, wasDecided: wasDecided) == .pending)
    }

    @Test func aDeathAfterTheReplayIsAnotherFailure() {
        #expect(outcome(.deadLettered, decided: 1) == .failedAgain)
    }

    @Test(arguments: [0, -1, nil] as [Int64?]) func aDeathBeforeTheReplayDoesNotCount(_ milliseconds: Int64?) {
        #expect(outcome(.deadLettered, decided: milliseconds) == .pending)
    }

    @Test(arguments: [ClaimStatus.claimed, .rejected, .cancelled, .discarded])
    func anOutcomeOfAnUndecidedClaimIsNew(_ status: ClaimStatus) {
        #expect(outcome(status) == .decidedAnew(status))
        #expect(outcome(status, decided: -1) == .decidedAnew(status))
    }

    @Test func aReplayedCancelIsPendingWhileItsClaimIsClaimed() {
        let sent = SentClaim(id: id, at: DeadLetter.end, wasDecided: false, isCancel: true)
        #expect(ReplayOutcome(Claim(id: id, status: .claimed, decidedAt: DeadLetter.end), sent: sent) == .pending)
        #expect(
            ReplayOutcome(Claim(id: id, status: .cancelled, decidedAt: .now()), sent: sent) == .decidedAnew(.cancelled))
    }

    @Test(arguments: [ClaimStatus.claimed, .rejected, .cancelled, .discarded])
    func anOutcomeOfADecidedClaimIsTheOldOne(_ status: ClaimStatus) {
        #expect(outcome(status, wasDecided: true) == .decidedBefore)
    }

    @Test(arguments: [nil, .pending, .claimed, .rejected, .deadLettered, .discarded, .cancelled] as [ClaimStatus?])
    func aClaimOrCancelIsDecidedBeforeIfASecondOneHasNoEffect(_ status: ClaimStatus?) {
        func wasDecided(_ isCancel: Bool) -> Bool {
            SentClaim(id: id, at: DeadLetter.end, status: status, isCancel: isCancel).wasDecided
        }
        let decided: [ClaimStatus?] = [.claimed, .rejected, .cancelled]
        #expect(wasDecided(false) == decided.contains(status))
        let withoutCoupon: [ClaimStatus?] = [.rejected, .cancelled, .discarded]
        #expect(wasDecided(true) == withoutCoupon.contains(status))
    }

    @Test func aCancelWaitsForTheOutcomeOfItsClaim() {
        let statuses: [ClaimStatus?] = [nil, .pending, .claimed, .rejected, .deadLettered, .discarded, .cancelled]
        #expect(statuses.map(SentClaim.canCancel) == [false, false, true, true, false, true, true])
    }
}
