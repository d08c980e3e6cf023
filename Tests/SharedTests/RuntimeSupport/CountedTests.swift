import RuntimeSupport
import Testing

@Suite struct CountedTests {
    @Test(arguments: [(0, "0 messages"), (1, "1 message"), (2, "2 messages"), (1000, "1000 messages")])
    func aNounHasThePluralThatItsNumberNeeds(_ number: Int, _ text: String) {
        #expect(number.counted("message") == text)
    }

    @Test func anIrregularPluralIsGiven() {
        #expect(1.counted("copy", plural: "copies") == "1 copy")
        #expect(2.counted("copy", plural: "copies") == "2 copies")
    }
}
