import Testing

@testable import claimctl

@Suite struct TerminalTests {
    @Test(arguments: [
        "", "lock_held", "größe", "gro\u{308}ße", "数据库 失败", "العربية", "🎉 👍🏽 ❤️ 🇩🇪", #"\ " ' $(x) `y`"#, "a  b",
    ])
    func ordinaryTextStays(_ text: String) {
        #expect(Terminal.harmless(text) == text)
    }

    @Test(arguments: [
        "\u{0}", "\u{7}", "\u{8}", "\t", "\n", "\u{b}", "\u{c}", "\r", "\r\n", "\u{1b}", "\u{7f}", "\u{80}", "\u{85}",
        "\u{9b}", "\u{9d}", "\u{ad}", "\u{61c}", "\u{200b}", "\u{200e}", "\u{200f}", "\u{2028}", "\u{2029}", "\u{202a}",
        "\u{202e}", "\u{2066}", "\u{2069}", "\u{feff}", "\u{e0041}",
    ])
    func whatATerminalWouldObeyIsWrittenOut(_ mark: String) {
        let safe = Terminal.harmless("a\(mark)b")
        #expect(safe.hasPrefix(#"a\"#))
        #expect(safe.hasSuffix("b"))
        #expect(!safe.unicodeScalars.contains { mark.unicodeScalars.contains($0) })
    }

    @Test func escapeSequencesAreShownInsteadOfObeyed() {
        let safe = Terminal.harmless("\u{1b}[31mred\u{1b}]0;title\u{7}")
        #expect(safe.hasPrefix(#"\u{"#))
        #expect(safe.contains("[31mred"))
        #expect(safe.contains("]0;title"))
        #expect(safe.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
    }

    @Test func lineBreaksAndTabsAreWrittenAsInSource() {
        #expect(Terminal.harmless("a\nb\tc\rd") == #"a\nb\tc\rd"#)
    }

    @Test func theTextAroundItStays() {
        #expect(Terminal.harmless("größe\n🎉") == #"größe\n🎉"#)
    }

    @Test func whatIsHarmlessStaysSo() {
        let safe = Terminal.harmless("\u{1b}[31m\u{202e}\n")
        #expect(Terminal.harmless(safe) == safe)
    }
}
