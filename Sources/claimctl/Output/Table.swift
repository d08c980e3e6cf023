import RuntimeSupport

/// Columns under a heading. Lines are cut to a width if one is given.
struct Table: Sendable {
    struct Column: Sendable {
        let title: String
        /// Whether cells may be cut to fit. Ids, which are copied as a whole, may not.
        let canShrink: Bool

        init(_ title: String, canShrink: Bool = false) {
            self.title = title
            self.canShrink = canShrink
        }
    }

    private static let gap = "  "
    /// A narrower column is not readable.
    private static let narrowest = 6

    let columns: [Column]
    let rows: [[String]]

    init(_ columns: [Column], _ rows: [[String]]) {
        self.columns = columns
        self.rows = rows.map { $0.map(\.printable) }
    }

    /// Returns the lines, the heading first.
    ///
    /// - Parameter width: the longest line; nil for no limit.
    func lines(width: Int?) -> [String] {
        let all = [columns.map(\.title)] + rows
        var widths = columns.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        if let width {
            var excess = widths.reduce(0, +) + Self.gap.count * (columns.count - 1) - width
            while excess > 0 {
                let shrinkable = columns.indices.filter { columns[$0].canShrink && widths[$0] > Self.narrowest }
                guard let widest = shrinkable.max(by: { widths[$0] < widths[$1] }) else { break }
                widths[widest] -= 1
                excess -= 1
            }
        }
        return all.map { row in
            let cells = zip(row, widths).enumerated().map { column, cell in
                let (text, width) = cell
                let cut = text.count > width ? text.prefix(width - 1) + "…" : text[...]
                // The last column is not padded.
                return column == row.count - 1 ? String(cut) : cut + String(repeating: " ", count: width - cut.count)
            }
            let line = cells.joined(separator: Self.gap)
            guard let width, line.count > width else { return line }
            // Too narrow for the columns that must not be cut.
            return line.prefix(max(0, width - 1)) + "…"
        }
    }
}
