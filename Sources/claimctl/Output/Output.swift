import ArgumentParser
import Foundation

/// How a command shows what it found.
struct OutputOptions: ParsableArguments {
    @Flag(name: .long, help: "Print JSON: one document, or one a line for lists.")
    var json = false
}

/// Writes to standard output.
enum Output {
    /// One document.
    static func document(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        line(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    /// One document a line.
    static func documents(_ values: [some Encodable]) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var text = Data()
        for value in values {
            text += try encoder.encode(value) + [UInt8(ascii: "\n")]
            if text.count > 1 << 20 {
                write(text)
                text = Data()
            }
        }
        write(text)
    }

    static func line(_ text: String) {
        write(Data("\(text)\n".utf8))
    }

    private static func write(_ data: Data) {
        do {
            try FileHandle.standardOutput.write(contentsOf: data)
        } catch {
            // Whoever read has seen enough (`claimctl … | head`); end as every tool does then.
            signal(SIGPIPE, SIG_DFL)
            raise(SIGPIPE)
        }
    }

    /// Names and values, one below the other.
    static func fields(_ fields: [(String, String)]) {
        let width = fields.map(\.0.count).max() ?? 0
        for (name, value) in fields {
            line(name.padding(toLength: width + 2, withPad: " ", startingAt: 0) + Terminal.harmless(value))
        }
    }

    /// Columns under a heading.
    static func table(_ heading: [String], _ rows: [[String]]) {
        table(Table(heading.map { Table.Column($0) }, rows))
    }

    /// Columns under a heading, cut to the terminal's width where they may be.
    static func table(_ table: Table) {
        line(table.lines(width: Terminal.width).joined(separator: "\n"))
    }
}
