import Claims
import Testing

@testable import claimctl

@Suite struct DiagnosisTests {
    private let letter = DeadLetter.made(1)

    /// All is well but for what is changed.
    private func known(
        _ change: (inout Diagnosis.Circumstances) -> Void = { _ in }
    ) -> Diagnosis.Circumstances {
        var known = Diagnosis.Circumstances()
        known.claim = .some(.none)
        known.couponExists = true
        known.holder = .nobody
        known.livingWorkers = 2
        change(&known)
        return known
    }

    private func row(_ status: ClaimStatus, reason: String? = nil) -> Claim {
        Claim(id: ClaimMessage.made(1).id, status: status, reason: reason)
    }

    @Test func aReplayMayHelpIfNothingSpeaksAgainstIt() {
        #expect(Diagnosis(letter, known()).replay == .mayHelp)
    }

    @Test(arguments: [ClaimStatus.deadLettered, .discarded]) func aClaimThatIsNotDecidedMayBe(_ status: ClaimStatus) {
        #expect(Diagnosis(letter, known { $0.claim = row(status) }).replay == .mayHelp)
    }

    @Test(arguments: [Diagnosis.Holder.nobody, .livingWorker("w1"), .deadWorker("w1")])
    func aWorkersLockIsNoHindrance(_ holder: Diagnosis.Holder) {
        #expect(Diagnosis(letter, known { $0.holder = holder }).replay == .mayHelp)
    }

    @Test func anUnreadableBodyComesBackWhateverElseIsKnown() {
        let diagnosis = Diagnosis(.stray("broken"), Diagnosis.Circumstances())
        #expect(diagnosis.replay == .useless)
        #expect(diagnosis.text.contains("the body is not valid JSON"))
        #expect(Diagnosis(.stray("broken"), known()).replay == .useless)
    }

    @Test func aCancelMayHelpAsLongAsItsClaimIsClaimed() {
        var cancel = ClaimMessage.made(1)
        cancel.action = .cancel
        let letter = DeadLetter(.claim(cancel, encodedBy: .shared))
        #expect(letter.isCancel && letter.deadLetteredClaim == nil)
        #expect(Diagnosis(letter, known { $0.claim = row(.claimed) }).replay == .mayHelp)
        #expect(Diagnosis(letter, known { $0.claim = row(.cancelled) }).replay == .useless)
    }

    @Test(arguments: [ClaimStatus.claimed, .rejected, .cancelled])
    func aDecidedClaimStaysAsItIs(_ status: ClaimStatus) {
        let diagnosis = Diagnosis(letter, known { $0.claim = row(status) })
        #expect(diagnosis.replay == .useless)
        #expect(diagnosis.text.contains("(\(status.rawValue))"))
    }

    @Test func theReasonOfADecisionIsTold() {
        let diagnosis = Diagnosis(letter, known { $0.claim = row(.rejected, reason: "sold_out") })
        #expect(diagnosis.text.contains("(rejected, sold_out)"))
    }

    @Test func aDecisionCountsEvenIfNothingElseIsKnown() {
        var known = Diagnosis.Circumstances()
        known.claim = row(.claimed)
        #expect(Diagnosis(letter, known).replay == .useless)
    }

    @Test func aMissingCouponHasToBeMadeFirst() {
        let diagnosis = Diagnosis(letter, known { $0.couponExists = false })
        #expect(diagnosis.replay == .notYet)
        #expect(diagnosis.text.contains("no coupon SALE"))
    }

    @Test(
        arguments: [(nil, "for ever"), (0, "for 1s more"), (59_000, "for 1m more"), (5400, "for 6s more")]
            as [(Int64?, String)])
    func aStrangersLockHasToGoFirst(_ left: Int64?, _ time: String) {
        let diagnosis = Diagnosis(letter, known { $0.holder = .stranger("admin\u{1b}[2J", millisecondsLeft: left) })
        #expect(diagnosis.replay == .notYet)
        #expect(diagnosis.text.contains("is held \(time) by admin"))
        #expect(!diagnosis.text.unicodeScalars.contains("\u{1b}"))
    }

    @Test func withoutAWorkerAReplayWouldWait() {
        #expect(Diagnosis(letter, known { $0.livingWorkers = 0 }).replay == .notYet)
    }

    @Test func withoutAStoresAnswerNothingCanBeSaid() {
        let unknown = [
            known { $0.claim = nil }, known { $0.couponExists = nil }, known { $0.holder = nil },
            Diagnosis.Circumstances(),
        ]
        #expect(unknown.map { Diagnosis(letter, $0).replay } == [.unknown, .unknown, .unknown, .unknown])
    }

    @Test func whatSpeaksAgainstItCountsEvenIfAStoreIsSilent() {
        var known = Diagnosis.Circumstances()
        known.livingWorkers = 0
        #expect(Diagnosis(letter, known).replay == .notYet)
        known.couponExists = false
        #expect(Diagnosis(letter, known).text.contains("no coupon"))
    }

    @Test func theWordsForProgramsStay() {
        let verdicts: [Diagnosis.Verdict] = [.mayHelp, .useless, .notYet, .unknown]
        #expect(verdicts.map(\.rawValue) == ["may_help", "useless", "not_yet", "unknown"])
    }
}
