import Testing

@testable import Claims

@Suite struct SortableDigitsTests {
    private func text(_ number: Int64, width: Int = 7) -> String {
        String(decoding: SortableDigits.encode(number, width: width), as: UTF8.self)
    }

    @Test(arguments: [0, 1, 63, 64, 4095, 1_795_368_454_123, 1 << 42 - 1] as [Int64])
    func aNumberIsReadBack(_ number: Int64) {
        #expect(SortableDigits.decode(text(number).utf8) == number)
        #expect(text(number).utf8.count == 7)
    }

    @Test func theOrderOfTheTextsIsThatOfTheNumbers() {
        let numbers: [Int64] = [0, 1, 9, 10, 11, 36, 37, 38, 63, 64, 100, 4095, 4096, 1_795_368_454_123]
        let texts = numbers.map { text($0) }
        #expect(
            texts.map { Array($0.utf8) }.sorted { $0.lexicographicallyPrecedes($1) } == texts.map { Array($0.utf8) })
        #expect(Set(texts).count == numbers.count)
    }

    @Test func onlyTheLastDigitsOfALargeNumberAreKept() {
        #expect(text(64 * 64 + 5, width: 2) == text(5, width: 2))
    }

    @Test func aNegativeNumberCountsAsZero() {
        #expect(text(-1) == "-------")
    }

    @Test(arguments: ["", "a b", "é", "+", "01234567890"]) func otherTextIsNoNumber(_ text: String) {
        #expect(SortableDigits.decode(text.utf8) == nil)
    }
}
