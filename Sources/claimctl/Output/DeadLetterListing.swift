import DeadLetters
import Foundation
import RuntimeSupport

/// Dead letters as a list, the oldest first: a JSON document per line, or a table. It takes little memory for any number.
struct DeadLetterListing {
    private static let columns: [Table.Column] = [
        .init("ID"), .init("AGE"), .init("REASON", canShrink: true), .init("ATTEMPTS"),
        .init("COUPON", canShrink: true), .init("USER", canShrink: true), .init("ERROR", canShrink: true),
    ]
    /// Between the cells of a stored row. Cells contain no control characters.
    private static let separator = "\u{1f}"

    private let isJSON: Bool
    private let now: Timestamp
    private let lines: SortedLines
    private let encoder = JSONEncoder()

    /// - Parameter limit: only this many of the oldest are shown; nil for all.
    init(_ output: OutputOptions, limit: Int? = nil, now: Timestamp) {
        isJSON = output.json
        self.now = now
        lines = SortedLines(limit: limit)
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    }

    var count: Int { lines.count }

    /// Adds a dead letter, in any order.
    func add(_ letter: DeadLetter) throws {
        try lines.add(letter) {
            isJSON
                ? String(decoding: try encoder.encode(DeadLetterLine(letter, now: now)), as: UTF8.self)
                : cells(letter).map(\.printable).joined(separator: Self.separator)
        }
    }

    private func cells(_ letter: DeadLetter) -> [String] {
        [
            letter.id, letter.age(at: now).map(TimeSpan.text) ?? "-", letter.reason ?? "-", String(letter.attempts),
            letter.couponName ?? "-", letter.userID ?? "-", letter.error ?? "-",
        ]
    }

    /// Passes each JSON document to `visit`.
    func forEachDocument(_ visit: (String) throws -> Void) throws {
        try lines.forEach(visit)
    }

    /// Prints the list.
    func show() throws {
        if isJSON { return try Output.lines(lines.forEach) }
        guard count > 0 else { return }
        var layout = TableLayout(Self.columns)
        try forEachRow { layout.measure($0) }
        let fitted = layout.fitted(to: Terminal.width)
        try Output.lines { print in
            try print(fitted.heading)
            try forEachRow { try print(fitted.line($0)) }
        }
    }

    private func forEachRow(_ visit: ([String]) throws -> Void) throws {
        try lines.forEach { line in
            try visit(
                line.split(separator: Self.separator, omittingEmptySubsequences: false).map(String.init))
        }
    }
}
