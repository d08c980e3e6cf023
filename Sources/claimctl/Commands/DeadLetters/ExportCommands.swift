import ArgumentParser
import Claims
import DeadLetters
import Foundation
import RuntimeSupport

extension DLQCommand {
    struct Export: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copy messages to a file without loss.",
            discussion: """
                The file has one JSON object per line, in the order of death. "message" holds the whole message: the \
                basic properties by their AMQP names; each header with its AMQP type, for example {"int32": 4}, float \
                and double as bit patterns; and the body as "body", or as "body_base64" if it is not UTF-8. \
                "fingerprint" is a digest of the message, by which an import recognizes a damaged line. The other \
                fields are for readers.

                Example: claimctl dlq export --older-than 1d --output dead.jsonl
                """)

        @OptionGroup(title: "Filters") var filters: FilterOptions

        @Option(name: [.short, .long], help: "The file, or - for standard output. An existing file is replaced.")
        var output: String

        @Flag(name: .long, help: "Print the result as JSON.")
        var json = false

        func run() throws {
            let filter = try filters.filter()
            let now = Timestamp.now()
            let session = try OperatorSession.atTerminal()
            let lines = SortedLines()
            try DeadLetterQueue.forEachLetter(session) { letter in
                guard filter.matches(letter, at: now) else { return }
                try lines.add(letter) { try ExportedMessage(letter).line }
            }
            if output == "-" { return try Output.lines(lines.forEach) }
            try write(lines, session)
            if json { return try Output.document(ExportReport(exported: lines.count, file: output)) }
            Output.line("\(lines.count.counted("message")) exported to \(output)")
        }

        /// Writes to a temporary file and renames it, so that the file is complete or absent.
        private func write(_ lines: SortedLines, _ session: OperatorSession) throws {
            let temporary = "\(output).\(ProcessInfo.processInfo.processIdentifier).tmp"
            do {
                guard
                    FileManager.default.createFile(
                        atPath: temporary, contents: nil, attributes: [.posixPermissions: 0o600])
                else { throw Failure.failed("\(temporary) can't be written; check that the folder exists") }
                let file = try FileHandle(forWritingTo: URL(fileURLWithPath: temporary))
                var text = Data()
                var done = 0
                try lines.forEach { line in
                    text += line.utf8
                    text.append(UInt8(ascii: "\n"))
                    if text.count > 1 << 20 {
                        try file.write(contentsOf: text)
                        text = Data()
                    }
                    session.progress(.init(.exporting, done: done, total: lines.count))
                    done += 1
                }
                try file.write(contentsOf: text)
                try file.synchronize()
                try file.close()
                guard rename(temporary, output) == 0 else {
                    throw Failure.failed("\(output) can't be written: \(String(cString: strerror(errno)))")
                }
            } catch {
                try? FileManager.default.removeItem(atPath: temporary)
                if error is Failure || error is DeadLetterError { throw error }
                throw Failure.failed("\(output) can't be written: \(error.localizedDescription)")
            }
        }
    }

    struct Import: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put exported messages back into the dead-letter queue.",
            discussion: """
                All lines are checked before the first message is put back. A message that is in the queue already is \
                not added twice, so an interrupted import can be run again. The claims become dead_lettered again; \
                claims that have been decided since keep their outcome.
                """)

        @Argument(help: "A file that claimctl dlq export wrote, or - for standard input.")
        var file: String

        @OptionGroup var output: OutputOptions

        func run() throws {
            let session = try OperatorSession.atTerminal()
            let data = try InputFile.read(file)
            let messages: MessageImport
            do throws(DeadLetterError) {
                messages = try MessageImport(data, session)
            } catch {
                throw Failure.failed("\(file): \(error)")
            }
            let report = try session.logged(
                .deadLetterImport, on: file, detail: { "\($0.imported) imported" }, { try messages.run(session) })
            if output.json { return try Output.document(report) }
            Output.line("\(report.imported.counted("message")) imported, \(report.present) already in the queue")
        }
    }
}
