import Testing

@testable import DeadLetters

@Suite struct DeadLetterPlanTests {
    private let plan = DeadLetterPlan(.replay, fingerprints: fingerprints("ab"))

    /// Returns a fingerprint for each letter.
    private static func fingerprints(_ letters: String) -> [CompactID] {
        letters.compactMap { CompactID(String(repeating: $0, count: 40)) }
    }

    @Test func theSameMessagesHaveTheSameDigest() {
        #expect(DeadLetterPlan(.replay, fingerprints: Self.fingerprints("ab")) == plan)
        #expect(DeadLetterPlan(.replay, fingerprints: Self.fingerprints("ab")).digest == plan.digest)
    }

    @Test func digestsAreTheSameInEveryVersion() {
        #expect(plan.digest == "k03vnnk9pnje8fsk")
    }

    @Test func anotherActionHasAnotherDigest() {
        #expect(DeadLetterPlan(.discard, fingerprints: Self.fingerprints("ab")).digest != plan.digest)
    }

    @Test(arguments: ["", "a", "b", "ba", "abb", "ac"])
    func otherMessagesOrAnotherOrderHaveAnotherDigest(_ letters: String) {
        #expect(DeadLetterPlan(.replay, fingerprints: Self.fingerprints(letters)).digest != plan.digest)
    }

    @Test(arguments: [0, 1, 1000]) func aDigestHas16CharactersForAnyNumberOfMessages(_ count: Int) {
        let digest = DeadLetterPlan(.discard, fingerprints: Array(repeating: Self.fingerprints("c")[0], count: count))
            .digest
        #expect(digest.utf8.count == 16)
        #expect(digest.allSatisfy { "0123456789abcdefghijklmnopqrstuv".contains($0) })
    }

    @Test func messagesKeepTheirOrder() {
        let repeated = Self.fingerprints("bab")
        #expect(DeadLetterPlan(.discard, fingerprints: repeated).fingerprints == repeated)
    }
}
