import Testing

@testable import claimctl

@Suite struct RushBarTests {
    private func bar(_ accepted: Int, _ decided: Int, of users: Int, after time: Duration = .seconds(2)) -> String {
        RushBar.text(accepted: accepted, decided: decided, of: users, after: time)
    }

    private func columns(_ text: String) -> [Character: Int] {
        text.prefix(40).reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }

    @Test func theBarShowsDecidedAcceptedAndUnsentClaims() {
        let text = bar(3000, 1000, of: 4000)
        #expect(columns(text) == ["█": 10, "▒": 20, "░": 10])
        #expect(text.hasSuffix(" 3000 of 4000 accepted, 1500 per second, 1000 decided"))
    }

    @Test func theBarIsEmptyAtTheStartAndFullAtTheEnd() {
        #expect(columns(bar(0, 0, of: 7, after: .zero)) == ["░": 40])
        #expect(columns(bar(7, 7, of: 7)) == ["█": 40])
    }

    @Test func outcomesThatAreCountedBeforeTheirAnswersDoNotWidenTheBar() {
        for (accepted, decided) in [(5, 6), (0, 10), (10, 11)] {
            #expect(bar(accepted, decided, of: 10).prefix { "█▒░".contains($0) }.count == 40)
        }
    }
}
