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
        var layout = TableLayout(columns)
        for row in rows { layout.measure(row) }
        let fitted = layout.fitted(to: width)
        return [fitted.heading] + rows.map(fitted.line)
    }
}
