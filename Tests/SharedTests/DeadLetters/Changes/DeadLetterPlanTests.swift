import Testing

@testable import DeadLetters

@Suite struct DeadLetterPlanTests {
    private let plan = DeadLetterPlan(.replay, fingerprints: ["a", "b"])

    @Test func theSameMessagesHaveTheSameDigest() {
        #expect(DeadLetterPlan(.replay, fingerprints: ["a", "b"]) == plan)
        #expect(DeadLetterPlan(.replay, fingerprints: ["a", "b"]).digest == plan.digest)
    }

    @Test func digestsAreTheSameInEveryVersion() {
        #expect(plan.digest == "ije1h5od3ciklccp")
    }

    @Test func anotherActionHasAnotherDigest() {
        #expect(DeadLetterPlan(.discard, fingerprints: ["a", "b"]).digest != plan.digest)
    }

    @Test(arguments: [[], ["a"], ["b"], ["b", "a"], ["a", "b", "b"], ["ab"], ["a", "b", ""], ["a", "c"]])
    func otherMessagesOrAnotherOrderHaveAnotherDigest(_ fingerprints: [String]) {
        #expect(DeadLetterPlan(.replay, fingerprints: fingerprints).digest != plan.digest)
    }

    @Test(arguments: [0, 1, 1000]) func aDigestHas16CharactersForAnyNumberOfMessages(_ count: Int) {
        let digest = DeadLetterPlan(.discard, fingerprints: (0..<count).map { "\($0)" }).digest
        #expect(digest.utf8.count == 16)
        #expect(digest.allSatisfy { "0123456789abcdefghijklmnopqrstuv".contains($0) })
    }

    @Test func messagesKeepTheirOrder() {
        #expect(DeadLetterPlan(.discard, fingerprints: ["b", "a", "b"]).fingerprints == ["b", "a", "b"])
    }
}
