import Claims
import SeededRandom
import Testing

@testable import DeadLetters

@Suite struct CompactIDTests {
    @Test(arguments: 0..<20) func everyFingerprintIsReadBack(seed: Int) {
        var random = SeededGenerator(seed: seed)
        let text = Base32Hex.encode((0..<25).map { _ in UInt8.random(in: 0...255, using: &random) })
        #expect(CompactID(text)?.description == text)
    }

    @Test func differentIDsAreDifferent() {
        let texts = (0..<40).map { String(repeating: "0", count: $0) + "1" + String(repeating: "0", count: 39 - $0) }
        #expect(Set(texts.compactMap(CompactID.init)).count == 40)
    }

    @Test(arguments: ["", "0", String(repeating: "0", count: 39), String(repeating: "0", count: 48), "order-17"])
    func otherTextsAreNone(_ text: String) {
        #expect(CompactID(text) == nil)
    }

    @Test func itTakes32Bytes() {
        #expect(MemoryLayout<CompactID>.stride == 32)
    }
}
