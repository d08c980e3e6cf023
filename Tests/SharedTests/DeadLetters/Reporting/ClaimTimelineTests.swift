import Claims
import RuntimeSupport
import Testing

@testable import DeadLetters

@Suite struct ClaimTimelineTests {
    private let letter = DeadLetter.made(1)
    private let created = Timestamp(milliseconds: 1_795_368_400_000)

    private func claim(_ status: ClaimStatus, reason: String? = nil, decided: Timestamp?) throws -> Claim {
        Claim(
            id: try #require(letter.claimID), status: status, reason: reason, userID: UserID("u1"),
            couponName: CouponName("SALE"), attempts: 4, createdAt: created, decidedAt: decided)
    }

    @Test func aPendingClaimWasAccepted() throws {
        let timeline = ClaimTimeline(try claim(.pending, decided: nil), letters: [], archive: [])
        #expect(timeline.events == [.init(.accepted, at: created)])
    }

    @Test func aDeadLetteredClaimShowsItsAttemptsAndItsDeathOnce() throws {
        let claim = try claim(.deadLettered, reason: "lock_held", decided: DeadLetter.end)
        let timeline = ClaimTimeline(claim, letters: [letter], archive: [])
        #expect(timeline.events.map(\.kind) == [.accepted, .attemptFailed, .deadLettered])
        #expect(timeline.events[1].by == "w1" && timeline.events[1].text == "held")
        #expect(timeline.events[2].code == "lock_held")
    }

    @Test func aDiscardIsTheOperators() throws {
        let later = Timestamp(milliseconds: DeadLetter.end.milliseconds + 60_000)
        let archived = ClaimTimeline.Archived(
            action: .discarded, at: later, by: "ann", note: "test", restoredAt: nil, restoredBy: nil, letter: letter)
        let timeline = ClaimTimeline(
            try claim(.discarded, reason: "test", decided: later), letters: [], archive: [archived])
        #expect(timeline.events.map(\.kind) == [.accepted, .attemptFailed, .deadLettered, .discarded])
        #expect(timeline.events.last?.by == "ann")
    }

    @Test func aRestoredMessageIsNamedOnceAlthoughItIsInTheArchiveToo() throws {
        let later = Timestamp(milliseconds: DeadLetter.end.milliseconds + 60_000)
        let archived = ClaimTimeline.Archived(
            action: .discarded, at: later, by: "ann", note: nil,
            restoredAt: Timestamp(milliseconds: later.milliseconds + 1), restoredBy: "bob", letter: letter)
        let claim = try claim(.deadLettered, reason: "lock_held", decided: DeadLetter.end)
        let timeline = ClaimTimeline(claim, letters: [letter], archive: [archived])
        #expect(
            timeline.events.map(\.kind) == [.accepted, .attemptFailed, .deadLettered, .discarded, .restored])
    }

    @Test func anOutcomeIsTheLastEvent() throws {
        let decided = Timestamp(milliseconds: created.milliseconds + 5)
        let timeline = ClaimTimeline(
            try claim(.rejected, reason: "sold_out", decided: decided), letters: [], archive: [])
        #expect(timeline.events.last == .init(.rejected, at: decided, code: "sold_out"))
    }
}
