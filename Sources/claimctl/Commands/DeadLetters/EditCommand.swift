import ArgumentParser
import Broker
import Claims
import DeadLetters
import Foundation

extension DLQCommand {
    struct Edit: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Replace a message's body, and send it back to be decided under the same id.",
            discussion: """
                Opens the body in $VISUAL or $EDITOR, or reads it from --body FILE. The new body needs at least \
                {"user_id": …, "coupon_name": …}, by the rules of POST /claims. A missing version, id or created_at is \
                added. The original message is archived, and the history of the new one has its fingerprint.

                Example: claimctl dlq edit 9s7rbmh9d09d9djmla534jupt2ddmr2ot6nn371k --body fixed.json
                """)

        @Argument(help: "An id that list shows, a message id or a fingerprint.")
        var id: String

        @Option(name: .long, help: "A file with the new body, or - for standard input; instead of an editor.")
        var body: String?

        @Option(name: .long, help: "Seconds to wait for the claim's outcome.")
        var wait = 60.0

        @OptionGroup var output: OutputOptions

        func run() throws {
            guard (0...86_400).contains(wait) else { throw Failure.usage("--wait must be from 0 to 86400") }
            if body == nil, !Terminal.isInteractive {
                throw Failure.usage("an editor needs a terminal; use --body FILE instead")
            }
            let session = try OperatorSession.atTerminal()
            let letter = try MessageEditor.letter(id: id, session)
            let text =
                try body.map { Array(try InputFile.read($0)) } ?? Editor.edit(letter.message.body, name: letter.id)
            let editor = try MessageEditor(session)
            let sent: SentClaim
            do {
                sent = try session.logged(
                    .deadLetterEdit, on: letter.id, detail: { "sent as \($0.id)" },
                    { try editor.replaceBody(of: letter, with: text) })
            } catch let error as DeadLetterError where error.code == .invalidBody {
                let kept = body == nil ? "; your text is kept in \(Editor.path(letter.id))" : ""
                throw Failure.failed("\(error)\(kept)")
            }
            if body == nil { try? FileManager.default.removeItem(atPath: Editor.path(letter.id)) }
            let report = editor.report(on: sent, atMost: .seconds(wait))
            if output.json { return try Output.document(report) }
            Output.line("\(report.id) was edited and sent back; its status is \(report.status)")
        }
    }
}

/// The operator's own editor.
private enum Editor {
    /// Where the text is while it is edited.
    static func path(_ name: String) -> String {
        let safe = String(
            name.unicodeScalars.map { $0.properties.isAlphabetic || ("0"..."9").contains($0) ? Character($0) : "_" })
        return FileManager.default.temporaryDirectory.appending(path: "claim-\(safe.prefix(60)).json").path
    }

    /// Opens the body in the editor and waits until the editor is closed.
    ///
    /// Opens the text of an earlier try if that was invalid.
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
            throw Failure.failed("\(editor) failed with exit code \(process.terminationStatus); nothing was changed")
        }
        return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }
}
