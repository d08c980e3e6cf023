/// The widths of a table's columns. All rows are measured first and then written, one after the other, so that a long
/// table need not be in memory.
struct TableLayout: Sendable {
    private static let gap = "  "
    /// A narrower column is not readable.
    private static let narrowest = 6

    private let columns: [Table.Column]
    /// The length of the longest cell of each column.
    private var lengths: [Int]

    init(_ columns: [Table.Column]) {
        self.columns = columns
        lengths = columns.map(\.title.count)
    }

    /// Takes the lengths of a row's cells into account.
    mutating func measure(_ row: [String]) {
        for (column, cell) in row.enumerated() { lengths[column] = max(lengths[column], cell.count) }
    }

    /// Returns the layout for a width.
    ///
    /// - Parameter width: the longest line; nil for no limit.
    func fitted(to width: Int?) -> Fitted {
        var widths = lengths
        if let width {
            var excess = widths.reduce(0, +) + Self.gap.count * (columns.count - 1) - width
            while excess > 0 {
                let shrinkable = columns.indices.filter { columns[$0].canShrink && widths[$0] > Self.narrowest }
                guard let widest = shrinkable.max(by: { widths[$0] < widths[$1] }) else { break }
                widths[widest] -= 1
                excess -= 1
            }
        }
        return Fitted(titles: columns.map(\.title), widths: widths, width: width)
    }

    /// Columns of fixed widths.
    struct Fitted: Sendable {
        fileprivate let titles: [String]
        fileprivate let widths: [Int]
        fileprivate let width: Int?

        var heading: String { line(titles) }

        func line(_ row: [String]) -> String {
            let cells = zip(row, widths).enumerated().map { column, cell in
                let (text, width) = cell
                let cut = text.count > width ? text.prefix(width - 1) + "…" : text[...]
                // The last column is not padded.
                return column == row.count - 1 ? String(cut) : cut + String(repeating: " ", count: width - cut.count)
            }
            let line = cells.joined(separator: TableLayout.gap)
            guard let width, line.count > width else { return line }
            // Too narrow for the columns that must not be cut.
            return line.prefix(max(0, width - 1)) + "…"
        }
    }
}
