import ArgumentParser
import Claims
import DeadLetters
import Foundation
import RuntimeSupport
import Settings

extension DLQCommand {
    struct Export: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copy messages into a file, whole.",
            discussion: """
                One JSON object a line, in the order of death. "message" holds everything: the basic properties of AMQP \
                by their names, each header with its AMQP type, as {"int32": 4} (float and double by their bits), and \
                the body as "body", or as "body_base64" where it is not UTF-8. "fingerprint" stands for all of it, so \
                that import knows a line that was damaged. The other fields are for readers.

                Example: claimctl dlq export --older-than 1d --output dead.jsonl
                """)

        @OptionGroup(title: "Filters") var filters: FilterOptions

        @Option(name: [.short, .long], help: "The file; - for standard output. An existing one is replaced.")
        var output: String

        @Flag(name: .long, help: "Print what was done as JSON.")
        var json = false

        func run() throws {
            let filter = try filters.filter()
            let now = Timestamp.now()
            let letters = try DLQCommand.letters(try StoreSettings(SettingReader()))
                .filter { filter.matches($0, at: now) }
            if output == "-" {
                for letter in letters { Output.line(try ExportedMessage(letter).line) }
                return
            }
            try write(letters)
            if json {
                struct Report: Encodable {
                    let exported: Int
                    let file: String
                }
                try Output.document(Report(exported: letters.count, file: output))
            } else {
                Output.line("\(letters.count) messages exported to \(output)")
            }
        }

        /// Under another name first, so that the file is there whole or not at all.
        private func write(_ letters: [DeadLetter]) throws {
            let unfinished = "\(output).\(ProcessInfo.processInfo.processIdentifier).tmp"
            do {
                guard
                    FileManager.default.createFile(
                        atPath: unfinished, contents: nil, attributes: [.posixPermissions: 0o600])
                else { throw Failure.failed("\(unfinished) can't be written; is there such a folder?") }
                let file = try FileHandle(forWritingTo: URL(fileURLWithPath: unfinished))
                var progress = Progress("exporting", of: letters.count)
                var text = ""
                for (index, letter) in letters.enumerated() {
                    text += try ExportedMessage(letter).line + "\n"
                    if text.utf8.count > 1 << 20 {
                        try file.write(contentsOf: Data(text.utf8))
                        text = ""
                    }
                    progress.show(index)
                }
                progress.clear()
                try file.write(contentsOf: Data(text.utf8))
                try file.synchronize()
                try file.close()
                guard rename(unfinished, output) == 0 else {
                    throw Failure.failed("\(output) can't be written: \(String(cString: strerror(errno)))")
                }
            } catch {
                try? FileManager.default.removeItem(atPath: unfinished)
                if error is Failure { throw error }
                throw Failure.failed("\(output) can't be written: \(error.localizedDescription)")
            }
        }
    }

    struct Import: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put exported messages back into the dead-letter queue.",
            discussion: """
                Every line is checked before the first one is put back. What lies in the queue is not put there twice, \
                so an import that was broken off can be run again. A claim that comes back is dead_lettered again; one \
                that was decided meanwhile keeps its outcome.
                """)

        @Argument(help: "A file that claimctl dlq export wrote; - for standard input.")
        var file: String

        @OptionGroup var output: OutputOptions

        func run() throws {
            let stores = try StoreSettings(SettingReader())
            let letters = try read(for: stores)
            let report = try Archive(stores).putBack(letters)
            if output.json { return try Output.document(ImportReport(report)) }
            Output.line("\(report.restored) messages put back, \(report.present) lay there already")
        }

        private struct ImportReport: Encodable {
            let imported, present, claims: Int

            init(_ report: Archive.Restored) {
                imported = report.restored
                present = report.present
                claims = report.claims
            }
        }

        private func read(for stores: StoreSettings) throws -> [DeadLetter] {
            let handle: FileHandle
            do {
                handle = file == "-" ? .standardInput : try FileHandle(forReadingFrom: URL(fileURLWithPath: file))
            } catch {
                throw Failure.failed("\(file) can't be read: \(error.localizedDescription)")
            }
            let data = try handle.readToEnd() ?? Data()
            let users = Set(stores.brokers.map(\.user))
            var letters: [DeadLetter] = []
            var validationErrors: [String] = []
            for (index, line) in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
                .enumerated()
            {
                // The last line ends with the file.
                if line.isEmpty, index > 0, line.endIndex == data.endIndex { continue }
                do throws(ExportedMessage.ValidationError) {
                    guard let text = String(validating: line, as: UTF8.self) else {
                        throw ExportedMessage.ValidationError(description: "the line is not UTF-8")
                    }
                    let letter = try ExportedMessage(line: text).letter
                    if let user = letter.message.properties.userID, users != [user] {
                        throw ExportedMessage.ValidationError(
                            description: "the broker takes messages of its user \(user) from that user only")
                    }
                    letters.append(letter)
                } catch {
                    validationErrors.append("line \(index + 1): \(error)")
                }
            }
            guard validationErrors.isEmpty else {
                let shown = validationErrors.prefix(20).joined(separator: "\n  ")
                let more = validationErrors.count > 20 ? "\n  … and \(validationErrors.count - 20) more" : ""
                throw Failure.failed("\(file) can't be put back whole; nothing was changed\n  \(shown)\(more)")
            }
            return letters
        }
    }
}
