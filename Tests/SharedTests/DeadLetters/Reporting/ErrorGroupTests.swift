import SeededRandom
import Testing

@testable import DeadLetters

@Suite struct ErrorGroupTests {
    @Test(arguments: [
        ("claim 9s7rbmh9d09d9djmla534jupt2ddmr2ot6nn371k is gone", "claim <id> is gone"),
        ("(0000000000000000000000000000000000000a00)", "(<id>)"),
        ("job 123e4567-e89b-12d3-a456-426614174000 failed", "job <id> failed"),
        ("job 123E4567-E89B-12D3-A456-426614174000.", "job <id>."),
        ("digest 1234567a, again", "digest <id>, again"),
    ])
    func idsAreFolded(_ text: String, _ folded: String) {
        #expect(ErrorGroup.folded(text) == folded)
    }

    @Test(arguments: [
        ("digest 123456a", "digest #a"), ("the deadbeef is unverified", "the deadbeef is unverified"),
        ("coupon_not_found", "coupon_not_found"), ("utf8", "utf#"), ("9876543210987654321098765", "#"),
    ])
    func shortWordsAndWordsWithoutDigitsAreNotIDs(_ text: String, _ folded: String) {
        #expect(ErrorGroup.folded(text) == folded)
    }

    @Test(arguments: [
        ("waited 12 ms, then 12ms", "waited # ms, then #ms"), ("10.5 of 1,000.", "# of #."), ("-7", "-#"),
        ("at 12:30:01.250", "at #"), ("since 2026-11-22T17:27:34.123Z", "since #-#-#T#Z"),
        ("127.0.0.1:5432 refused", "# refused"), ("redis-2:6379: refused", "redis-#: refused"),
        ("try 3/4 (75%)", "try #/# (#%)"), ("worker w12-3", "worker w#-#"), ("1.", "#."), ("a=1;b=2", "a=#;b=#"),
    ])
    func numbersTimesAndAddressesAreFolded(_ text: String, _ folded: String) {
        #expect(ErrorGroup.folded(text) == folded)
    }

    @Test(arguments: [
        (#"key "a b" is held"#, #"key "…" is held"#), ("key 'a' is held", "key '…' is held"),
        ("key `a` is held", "key `…` is held"), ("key “a” is held", "key “…” is held"),
        ("key ‘a’ is held", "key ‘…’ is held"), ("key «a» is held", "key «…» is held"),
        ("\"\" and \"x\"\"y\"", "\"…\" and \"…\"\"…\""), (#"(user="größe 17")"#, #"(user="…")"#),
        (#"'it "is" 5'"#, "'…'"),
    ])
    func quotedValuesAreFolded(_ text: String, _ folded: String) {
        #expect(ErrorGroup.folded(text) == folded)
    }

    @Test(arguments: ["can't reach the worker's lock", "it’s the users' lock", "don't, won't, can't"])
    func anApostropheInAWordIsNotAQuote(_ text: String) {
        #expect(ErrorGroup.folded(text) == text)
    }

    @Test func anApostropheDoesNotHideAQuote() {
        #expect(ErrorGroup.folded("can't read 'x', won't") == "can't read '…', won't")
    }

    @Test(arguments: [
        (#"he said "hello"#, #"he said "hello"#), ("a ' b", "a ' b"), ("“open", "“open"), ("close”", "close”"),
        (#"5" of 7"#, #"#" of #"#),
    ])
    func anUnclosedQuoteIsKept(_ text: String, _ folded: String) {
        #expect(ErrorGroup.folded(text) == folded)
    }

    @Test(arguments: [
        ("duplicate key (SQLSTATE 23505)", "duplicate key (SQLSTATE 23505)"),
        ("SQLSTATE 40P01 after 3 tries", "SQLSTATE 40P01 after # tries"),
        ("SQLSTATE is 5", "SQLSTATE is #"), ("sqlstate 23505", "sqlstate #"), ("SQLSTATE", "SQLSTATE"),
    ])
    func theCodeAfterSQLSTATEIsKept(_ text: String, _ folded: String) {
        #expect(ErrorGroup.folded(text) == folded)
    }

    @Test(arguments: [
        ("", ""), (" ", " "), ("größe 5 überschritten 🎉", "größe # überschritten 🎉"),
        ("数据库 3 失败", "数据库 # 失败"), ("数据库3失败", "数据库#失败"), ("gro\u{308}ße\n\t5", "gro\u{308}ße\n\t#"),
    ])
    func anyTextIsAccepted(_ text: String, _ folded: String) {
        #expect(ErrorGroup.folded(text) == folded)
    }

    @Test func textsThatDifferInTheirVariablePartsHaveOneCause() {
        let texts = (0..<500).map { "lock of \"SALE_\($0)\" is held by w-\($0 * 7919) for \($0).\($0) s" }
        #expect(Set(texts.map(ErrorGroup.folded)) == ["lock of \"…\" is held by w-# for # s"])
    }

    @Test(arguments: 0..<50) func noDigitIsLeftInATextWithoutACode(_ seed: Int) {
        var random = SeededGenerator(seed: seed)
        let parts = [
            "0", "7", "a", "f", "z", "ß", "🎉", " ", "-", ".", ":", ",", "_", "\"", "'", "“", "”", "\n", "\u{301}",
        ]
        for _ in 0..<40 {
            let count = Int.random(in: 0...60, using: &random)
            let text = (0..<count).map { _ in parts.randomElement(using: &random) ?? "" }.joined()
            #expect(ErrorGroup.folded(text).utf8.allSatisfy { !(0x30...0x39).contains($0) }, "\(text)")
        }
    }
}
