import ArgumentParser
import Claims
import DeadLetters
import Foundation
import OrderedCollections
import RuntimeSupport
import Settings

extension DLQCommand {
    struct Edit: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Mend a message's body and send it back to be decided, under the same id.",
            discussion: """
                Opens the body in $VISUAL or $EDITOR, or takes --body FILE. The new body needs at least \
                {"user_id": …, "coupon_name": …}, by the rules of POST /claims; what it lacks of version, id and \
                created_at is filled in. The original is kept in the archive, and its fingerprint in the message's history.

                Example: claimctl dlq edit 9s7rbmh9d09d9djmla534jupt2ddmr2ot6nn371k --body mended.json
                """)

        @Argument(help: "What list calls it, or its fingerprint.")
        var id: String

        @Option(name: .long, help: "A file with the new body instead of an editor; - for standard input.")
        var body: String?

        @Option(name: .long, help: "Seconds to wait for what becomes of the claim.")
        var wait = 60.0

        @OptionGroup var output: OutputOptions

        private struct Report: Encodable {
            let id: String
            let status: String
            let reason: String?
        }

        func run() throws {
            guard (0...86_400).contains(wait) else { throw Failure.usage("--wait must be from 0 to 86400") }
            if body == nil, !Terminal.isInteractive {
                throw Failure.usage("there is no terminal to open an editor on; give --body FILE")
            }
            let stores = try StoreSettings(SettingReader())
            let found = try DLQCommand.letters(stores).filter { $0.matches(id: id) }
            guard let letter = found.last else { throw Failure.nothingMatched("no message \(id) lies in the queue") }
            guard Set(found.map(\.message.fingerprint)).count == 1 else {
                let names = Set(found.map(\.message.fingerprint)).sorted().joined(separator: " ")
                throw Failure.usage("\(found.count) messages are called \(id); say which by its fingerprint: \(names)")
            }
            let text = try body.map(Self.read) ?? Editor.edit(letter.message.body, name: letter.id)
            let mended: ClaimMessage
            do throws(EditedBody.ValidationError) {
                mended = try EditedBody(text, of: letter).claim
            } catch {
                let kept = body == nil ? "; your text is kept in \(Editor.path(letter.id))" : ""
                throw Failure.failed("the new body is not valid: \(error.description)\(kept); nothing was changed")
            }
            let sent = try MessageEditor(stores).send(mended, insteadOf: letter)
            if body == nil { try? FileManager.default.removeItem(atPath: Editor.path(letter.id)) }
            let outcome = ReplayTracker(stores).follow([sent], atMost: .seconds(wait)) { _ in }[sent] ?? .pending
            try show(outcome, of: sent)
        }

        private func show(_ outcome: ReplayOutcome, of sent: SentClaim) throws {
            let words =
                switch outcome {
                case .decidedAnew(let status): status.rawValue
                case .decidedBefore: "decided_before"
                case .failedAgain: "dead_lettered"
                case .pending: "pending"
                }
            if output.json { return try Output.document(Report(id: sent.id.description, status: words, reason: nil)) }
            Output.line("\(sent.id) was mended and sent back; it reads \(words)")
        }

        private static func read(_ file: String) throws -> [UInt8] {
            do {
                let handle: FileHandle =
                    file == "-" ? .standardInput : try FileHandle(forReadingFrom: URL(fileURLWithPath: file))
                return Array(try handle.readToEnd() ?? Data())
            } catch {
                throw Failure.failed("\(file) can't be read: \(error.localizedDescription)")
            }
        }
    }
}

/// The operator's own editor.
private enum Editor {
    /// Where the text is while it is being edited.
    static func path(_ name: String) -> String {
        let safe = String(
            name.unicodeScalars.map { $0.properties.isAlphabetic || ("0"..."9").contains($0) ? Character($0) : "_" })
        return FileManager.default.temporaryDirectory.appending(path: "claim-\(safe.prefix(60)).json").path
    }

    /// Opens the body and waits until the editor is closed.
    ///
    /// A text that is there from a try before, and was not valid, is opened again.
    static func edit(_ body: [UInt8], name: String) throws -> [UInt8] {
        let path = path(name)
        if !FileManager.default.fileExists(atPath: path) {
            let text = JSONValue(body: body)
            let shown = if case .string = text { Data(body) } else { Data(text.pretty.utf8) }
            guard FileManager.default.createFile(atPath: path, contents: shown, attributes: [.posixPermissions: 0o600])
            else { throw Failure.failed("\(path) can't be written") }
        }
        let environment = ProcessInfo.processInfo.environment
        let editor = [environment["VISUAL"], environment["EDITOR"]].compactMap(\.self).first { !$0.isEmpty } ?? "vi"
        let process = Foundation.Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        // The variable may hold arguments, as in EDITOR="code --wait".
        process.arguments = ["-c", "\(editor) \"$1\"", "edit", path]
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure.failed("\(editor) ended with \(process.terminationStatus); nothing was changed")
        }
        return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }
}
