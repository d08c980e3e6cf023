/// Lines of text about dead letters, sorted by death in bounded memory.
package final class SortedLines {
    private let sorter: RecordSorter

    /// - Parameter limit: only this many of the oldest are kept; nil for all.
    package init(limit: Int? = nil) {
        sorter = RecordSorter(limit: limit)
    }

    /// The number of lines.
    package var count: Int { sorter.count }

    /// Adds a line. It is made only if it may be kept.
    ///
    /// - Throws: ``DeadLetterError/Code/temporaryFile``, or the error of `line`.
    package func add(_ letter: DeadLetter, _ line: () throws -> String) throws {
        guard sorter.accepts(letter.sortPrefix) else { return sorter.skip() }
        try sorter.add(letter.sortKey, Array(try line().utf8))
    }

    /// Passes each line to `visit`, the one of the oldest message first. Can be called several times.
    ///
    /// - Throws: ``DeadLetterError/Code/temporaryFile``, or the error of `visit`.
    package func forEach(_ visit: (String) throws -> Void) throws {
        var records = try sorter.sorted()
        while let record = try records.next() { try visit(String(decoding: record.payload, as: UTF8.self)) }
    }
}
