import Claims
import Testing

@testable import DeadLetters

@Suite struct DiagnosisTests {
    private let letter = DeadLetter.made(1)

    /// Circumstances without an obstacle, except for a change.
    private func known(
        _ change: (inout Diagnosis.Circumstances) -> Void = { _ in }
    ) -> Diagnosis.Circumstances {
        var known = Diagnosis.Circumstances()
        known.claim = .some(.none)
        known.couponExists = true
        known.lock = .unlocked
        known.liveWorkers = 2
        change(&known)
        return known
    }

    private func row(_ status: ClaimStatus, reason: String? = nil) -> Claim {
        Claim(id: ClaimMessage.made(1).id, status: status, reason: reason)
    }

    @Test func aReplayMayHelpIfThereIsNoObstacle() {
        #expect(Diagnosis(letter, known()).replay == .mayHelp)
    }

    @Test(arguments: [ClaimStatus.deadLettered, .discarded]) func aReplayMayHelpAnUndecidedClaim(_ status: ClaimStatus)
    {
        #expect(Diagnosis(letter, known { $0.claim = row(status) }).replay == .mayHelp)
    }

    @Test(arguments: [Diagnosis.LockState.unlocked, .liveWorker("w1"), .deadWorker("w1")])
    func aWorkersLockIsNotAnObstacle(_ lock: Diagnosis.LockState) {
        #expect(Diagnosis(letter, known { $0.lock = lock }).replay == .mayHelp)
    }

    @Test func aReplayOfAnUnreadableBodyIsUseless() {
        let diagnosis = Diagnosis(.stray("broken"), Diagnosis.Circumstances())
        #expect(diagnosis.replay == .useless)
        #expect(diagnosis.text.contains("the body is not valid JSON"))
        #expect(Diagnosis(.stray("broken"), known()).replay == .useless)
    }

    @Test func aReplayOfACancelMayHelpWhileItsClaimIsClaimed() {
        var cancel = ClaimMessage.made(1)
        cancel.action = .cancel
        let letter = DeadLetter(.claim(cancel, encodedBy: .shared))
        #expect(letter.isCancel && letter.deadLetteredClaim == nil)
        #expect(Diagnosis(letter, known { $0.claim = row(.claimed) }).replay == .mayHelp)
        #expect(Diagnosis(letter, known { $0.claim = row(.cancelled) }).replay == .useless)
    }

    @Test func aCancelIsReplayedAfterItsClaim() {
        let cancel = DeadLetter.cancel(1)
        #expect(Diagnosis(cancel, known { $0.claim = row(.deadLettered) }).replay == .notYet)
        #expect(Diagnosis(cancel, known()).text.contains("replay the claim's message first"))
    }

    @Test(arguments: [ClaimStatus.claimed, .rejected, .cancelled])
    func aReplayOfADecidedClaimIsUseless(_ status: ClaimStatus) {
        let diagnosis = Diagnosis(letter, known { $0.claim = row(status) })
        #expect(diagnosis.replay == .useless)
        #expect(diagnosis.text.contains("(\(status.rawValue))"))
    }

    @Test func theTextHasTheReasonOfADecision() {
        let diagnosis = Diagnosis(letter, known { $0.claim = row(.rejected, reason: "sold_out") })
        #expect(diagnosis.text.contains("(rejected, sold_out)"))
    }

    @Test func aDecisionIsEnoughIfNothingElseIsKnown() {
        var known = Diagnosis.Circumstances()
        known.claim = row(.claimed)
        #expect(Diagnosis(letter, known).replay == .useless)
    }

    @Test func aMissingCouponMustBeCreatedFirst() {
        let diagnosis = Diagnosis(letter, known { $0.couponExists = false })
        #expect(diagnosis.replay == .notYet)
        #expect(diagnosis.text.contains("no coupon SALE"))
    }

    @Test(
        arguments: [
            (nil, "without expiry"), (0, "for another 1s"), (59_000, "for another 1m"), (5400, "for another 6s"),
        ]
            as [(Int64?, String)])
    func anotherProgramsLockMustBeReleasedFirst(_ left: Int64?, _ time: String) {
        let diagnosis = Diagnosis(letter, known { $0.lock = .other("admin\u{1b}[2J", millisecondsLeft: left) })
        #expect(diagnosis.replay == .notYet)
        #expect(diagnosis.text.contains("is held \(time) by admin"))
        #expect(!diagnosis.text.unicodeScalars.contains("\u{1b}"))
    }

    @Test func withoutALiveWorkerAReplayWouldWait() {
        #expect(Diagnosis(letter, known { $0.liveWorkers = 0 }).replay == .notYet)
    }

    @Test func withoutAStoresAnswerTheAdviceIsUnknown() {
        let unknown = [
            known { $0.claim = nil }, known { $0.couponExists = nil }, known { $0.lock = nil },
            Diagnosis.Circumstances(),
        ]
        #expect(unknown.map { Diagnosis(letter, $0).replay } == [.unknown, .unknown, .unknown, .unknown])
    }

    @Test func anObstacleIsReportedEvenIfAnotherStoreIsUnreachable() {
        var known = Diagnosis.Circumstances()
        known.liveWorkers = 0
        #expect(Diagnosis(letter, known).replay == .notYet)
        known.couponExists = false
        #expect(Diagnosis(letter, known).text.contains("no coupon"))
    }

    @Test func theVerdictsOnTheWireAreFixed() {
        let verdicts: [Diagnosis.Verdict] = [.mayHelp, .useless, .notYet, .unknown]
        #expect(verdicts.map(\.rawValue) == ["may_help", "useless", "not_yet", "unknown"])
    }
}
