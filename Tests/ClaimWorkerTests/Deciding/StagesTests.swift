import Claims
import SeededRandom
import Testing

@testable import ClaimWorker

@Suite struct StagesTests {
    private func message(_ number: Int, _ coupon: String, _ action: ClaimAction) -> ClaimMessage {
        var message = ClaimMessage.made(number, coupon: coupon)
        message.action = action
        return message
    }

    /// Parses a batch like `"A+ A- B+"`: claims and cancels of coupons A and B.
    private func stages(_ batch: String) -> [Stages.Stage] {
        let words = batch.split(separator: " ")
        return Stages(
            words.enumerated().map { number, word in
                message(number, String(word.dropLast()), word.hasSuffix("-") ? .cancel : .claim)
            }
        ).all
    }

    @Test func aBatchOfClaimsIsOneStatement() {
        #expect(stages("A+ B+ A+ C+") == [.init(action: .claim, jobs: [0, 1, 2, 3])])
    }

    @Test func anEmptyBatchHasNoStatement() {
        #expect(stages("").isEmpty)
    }

    @Test func cancelsAloneAreOneStatement() {
        #expect(stages("A- B- A-") == [.init(action: .cancel, jobs: [0, 1, 2])])
    }

    @Test func aCancelKeepsItsPlaceAmongTheClaimsOfItsCoupon() {
        #expect(
            stages("A+ A- A+") == [
                .init(action: .claim, jobs: [0]), .init(action: .cancel, jobs: [1]), .init(action: .claim, jobs: [2]),
            ])
    }

    @Test func aCancelDoesNotSplitTheClaimsOfOtherCoupons() {
        #expect(
            stages("A+ B+ A- B+ C+ A+ B+") == [
                .init(action: .claim, jobs: [0, 1, 3, 4, 6]), .init(action: .cancel, jobs: [2]),
                .init(action: .claim, jobs: [5]),
            ])
    }

    @Test(arguments: 0..<200) func everyCouponKeepsItsOrderAndNoJobIsLost(_ seed: Int) {
        var random = SeededGenerator(seed: seed)
        let batch = (0..<Int.random(in: 0...60, using: &random)).map { number in
            message(
                number, ["A", "B", "C"].randomElement(using: &random) ?? "A",
                Int.random(in: 0..<4, using: &random) == 0 ? .cancel : .claim)
        }
        let stages = Stages(batch).all
        #expect(stages.flatMap(\.jobs).sorted() == Array(batch.indices))
        for stage in stages {
            #expect(!stage.jobs.isEmpty)
            #expect(stage.jobs == stage.jobs.sorted())
            #expect(stage.jobs.allSatisfy { batch[$0].action == stage.action })
        }
        for coupon in Set(batch.map(\.couponName)) {
            let run = stages.flatMap(\.jobs).filter { batch[$0].couponName == coupon }
            #expect(run == run.sorted(), "in the order of the batch")
        }
    }
}
