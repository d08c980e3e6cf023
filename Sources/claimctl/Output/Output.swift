import ArgumentParser
import Foundation
import RuntimeSupport

/// The output format of a command.
struct OutputOptions: ParsableArguments {
    @Flag(name: .long, help: "Print JSON: one document, or one per line for lists.")
    var json = false
}

/// Writes to standard output.
enum Output {
    /// Prints one JSON document.
    static func document(_ value: some Encodable) throws {
        line(try json(value))
    }

    /// Prints one JSON document per line.
    static func documents(_ values: [some Encodable]) throws {
        try lines { print in
            for value in values { try print(json(value)) }
        }
    }

    /// Returns a value as JSON in one line.
    static func json(_ value: some Encodable) throws -> String {
        String(decoding: try OrderedJSONEncoder().encode(value), as: UTF8.self)
    }

    /// Prints many lines, in blocks.
    ///
    /// - Parameter body: calls its argument for each line.
    static func lines(_ body: ((String) throws -> Void) throws -> Void) throws {
        var block = Data()
        try body { line in
            block += line.utf8
            block.append(UInt8(ascii: "\n"))
            if block.count > 1 << 20 {
                write(block)
                block = Data()
            }
        }
        write(block)
    }

    /// Prints a line.
    static func line(_ text: String) {
        write(Data("\(text)\n".utf8))
    }

    /// Prints text as it is.
    static func text(_ text: String) { write(Data(text.utf8)) }

    private static func write(_ data: Data) {
        guard !data.isEmpty else { return }
        ProgressLine.shared.clear()
        do {
            try FileHandle.standardOutput.write(contentsOf: data)
        } catch {
            // The reader has closed the pipe (`claimctl … | head`). End as other tools do.
            signal(SIGPIPE, SIG_DFL)
            raise(SIGPIPE)
        }
    }

    /// Prints names with their values, one per line.
    static func fields(_ fields: [(String, String)]) {
        let width = fields.map(\.0.count).max() ?? 0
        for (name, value) in fields {
            line(name.padding(toLength: width + 2, withPad: " ", startingAt: 0) + value.printable)
        }
    }

    /// Prints columns under a heading.
    static func table(_ heading: [String], _ rows: [[String]]) {
        table(Table(heading.map { Table.Column($0) }, rows))
    }

    /// Prints columns under a heading, cut to the terminal's width.
    static func table(_ table: Table) {
        line(table.lines(width: Terminal.width).joined(separator: "\n"))
    }
}
