import Testing

@testable import claimctl

@Suite struct TableTests {
    private func table(_ rows: [[String]]) -> Table {
        Table([.init("ID"), .init("ERROR", canShrink: true)], rows)
    }

    private let row = ["abcdefghij", "a long error text"]

    @Test func withoutAWidthNothingIsCut() {
        #expect(
            table([row, ["a", "b"]]).lines(width: nil) == [
                "ID          ERROR", "abcdefghij  a long error text", "a           b",
            ])
    }

    @Test(arguments: [29, 30, 200]) func whatFitsIsNotCut(_ width: Int) {
        #expect(table([row]).lines(width: width) == table([row]).lines(width: nil))
    }

    @Test(arguments: [18, 19, 24, 28]) func whatDoesNotFitIsCutToTheWidth(_ width: Int) {
        let line = table([row]).lines(width: width)[1]
        #expect(line.count == width)
        #expect(line.hasPrefix("abcdefghij  a lon"))
        #expect(line.hasSuffix("…"))
    }

    @Test(arguments: [1, 5, 17]) func whereNothingFitsLinesEndAtTheEdge(_ width: Int) {
        let line = table([row]).lines(width: width)[1]
        #expect(line == "abcdefghij  a lon".prefix(width - 1) + "…")
    }

    @Test func noWidthAtAllIsNoTrap() {
        #expect(table([row]).lines(width: 0) == ["…", "…"])
    }

    @Test func theWidestColumnGivesWayFirst() {
        let wide = Table(
            [.init("A", canShrink: true), .init("B", canShrink: true)],
            [[String(repeating: "a", count: 10), String(repeating: "b", count: 30)]])
        #expect(wide.lines(width: 32)[1] == "aaaaaaaaaa  bbbbbbbbbbbbbbbbbbb…")
        #expect(wide.lines(width: 18)[1].count == 18)
        #expect(wide.lines(width: 18)[1].hasPrefix("aaaaaaa…  "))
    }

    @Test func aCutColumnInTheMiddleStaysAligned() {
        let middle = Table(
            [.init("ERROR", canShrink: true), .init("N")], [["a long error text", "1"], ["short", "22"]])
        #expect(middle.lines(width: 12) == ["ERROR     N", "a long …  1", "short     22"])
    }

    @Test func theHeadingAloneIsATableToo() {
        #expect(table([]).lines(width: nil) == ["ID  ERROR"])
        #expect(table([]).lines(width: 3) == ["ID…"])
    }

    @Test func aRowIsOneLineWhateverStandsInIt() {
        let lines = table([["a\nb", "\u{1b}[31mred\r\u{202e}"]]).lines(width: nil)
        #expect(lines.count == 2)
        #expect(lines[1].hasPrefix(#"a\nb  "#))
        let obeyed: [Unicode.Scalar] = ["\n", "\r", "\u{1b}", "\u{202e}"]
        #expect(!lines[1].unicodeScalars.contains { obeyed.contains($0) })
    }

    @Test func emptyCellsKeepTheirPlace() {
        #expect(table([["", "x"]]).lines(width: nil) == ["ID  ERROR", "    x"])
    }
}
