import RuntimeSupport
import Testing

@Suite struct PrintableTests {
    @Test(arguments: [
        "", "lock_held", "größe", "gro\u{308}ße", "数据库 失败", "العربية", "🎉 👍🏽 ❤️ 🇩🇪", #"\ " ' $(x) `y`"#, "a  b",
    ])
    func ordinaryTextIsUnchanged(_ text: String) {
        #expect(text.printable == text)
    }

    @Test(arguments: [
        "\u{0}", "\u{7}", "\u{8}", "\t", "\n", "\u{b}", "\u{c}", "\r", "\r\n", "\u{1b}", "\u{7f}", "\u{80}", "\u{85}",
        "\u{9b}", "\u{9d}", "\u{ad}", "\u{61c}", "\u{200b}", "\u{200e}", "\u{200f}", "\u{2028}", "\u{2029}", "\u{202a}",
        "\u{202e}", "\u{2066}", "\u{2069}", "\u{feff}", "\u{e0041}",
    ])
    func charactersThatATerminalInterpretsAreEscaped(_ mark: String) {
        let safe = "a\(mark)b".printable
        #expect(safe.hasPrefix(#"a\"#))
        #expect(safe.hasSuffix("b"))
        #expect(!safe.unicodeScalars.contains { mark.unicodeScalars.contains($0) })
    }

    @Test func escapeSequencesBecomePlainText() {
        let safe = "\u{1b}[31mred\u{1b}]0;title\u{7}".printable
        #expect(safe.hasPrefix(#"\u{"#))
        #expect(safe.contains("[31mred"))
        #expect(safe.contains("]0;title"))
        #expect(safe.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
    }

    @Test func lineBreaksAndTabsAreEscapedAsInSource() {
        #expect("a\nb\tc\rd".printable == #"a\nb\tc\rd"#)
    }

    @Test func theTextAroundAnEscapeIsUnchanged() {
        #expect("größe\n🎉".printable == #"größe\n🎉"#)
    }

    @Test func escapingTwiceChangesNothingMore() {
        let safe = "\u{1b}[31m\u{202e}\n".printable
        #expect(safe.printable == safe)
    }
}
