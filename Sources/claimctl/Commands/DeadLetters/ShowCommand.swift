import ArgumentParser
import Claims
import DeadLetters
import Foundation
import OrderedCollections
import Settings

extension DLQCommand {
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show one message whole, and whether a replay would help now.")

        @Argument(help: "What list calls it, or its fingerprint.")
        var id: String

        @OptionGroup var output: OutputOptions

        func run() throws {
            let stores = try StoreSettings(SettingReader())
            let found = try DLQCommand.letters(stores).filter { $0.matches(id: id) }
            guard let letter = found.last else { throw Failure.nothingMatched("no message \(id) lies in the queue") }
            if found.count > 1 {
                let others = Set(found.dropLast().map(\.message.fingerprint)).sorted().joined(separator: " ")
                Terminal.note("\(found.count) messages are called \(id); the newest is shown. The others: \(others)")
            }
            let circumstances = Diagnosis.Circumstances.look(around: letter, stores)
            let document = DeadLetterDocument(
                letter: letter, now: .now(), claim: circumstances.claim ?? nil,
                diagnosis: Diagnosis(letter, circumstances))
            if output.json { return try Output.document(document) }
            show(document, circumstances)
        }

        private func show(_ document: DeadLetterDocument, _ circumstances: Diagnosis.Circumstances) {
            let letter = document.letter
            let age = letter.age(at: document.now).map { ", \(TimeSpan.text($0)) ago" } ?? ""
            Output.fields([
                ("id", letter.id), ("fingerprint", letter.message.fingerprint), ("coupon", letter.couponName ?? "-"),
                ("user", letter.userID ?? "-"), ("reason", letter.reason ?? "-"), ("attempts", "\(letter.attempts)"),
                ("died", (letter.diedAt?.description ?? "-") + age),
                ("claim now", stored(circumstances.claim)),
                ("diagnosis", document.diagnosis.text),
            ])
            Output.line("\nattempts")
            if letter.failures.isEmpty { Output.line("  none is written down") }
            for failure in letter.failures {
                Output.line("  \(failure.attempt)  \(failure.at)  \(Terminal.harmless(failure.worker))")
                Output.line("     \(Terminal.harmless("\(failure.code): \(failure.message)"))")
            }
            let replays = letter.message.properties.headers[ClaimHeaders.replays]?.array?.compactMap(\.table) ?? []
            if !replays.isEmpty {
                Output.line("\nreplays")
                for replay in replays {
                    let text = { (name: String) in Terminal.harmless(replay[name]?.string ?? "-") }
                    Output.line("  \(text("at"))  by \(text("by")), after \(text(ClaimHeaders.reason))")
                }
            }
            Output.line("\nproperties")
            for (name, value) in document.properties.sorted(by: { $0.key < $1.key }) {
                Output.line("  \(name): \(Terminal.harmless(value))")
            }
            Output.line("\nheaders")
            for (name, value) in letter.message.properties.headers where name != ClaimHeaders.errors {
                Output.line("  \(Terminal.harmless(name)): \(Self.lines(JSONValue(value).pretty, indent: "  "))")
            }
            Output.line("\nbody (\(letter.message.body.count) bytes)")
            Output.line("  " + Self.lines(Self.pretty(letter.message.body), indent: "  "))
        }

        private func stored(_ claim: Claim??) -> String {
            switch claim {
            case .some(.some(let claim)):
                [claim.status.rawValue, claim.reason].compactMap(\.self).joined(separator: ", ")
            case .some(.none): "pending, or no claim of this system"
            case .none: "PostgreSQL can't be reached"
            }
        }

        private static func pretty(_ body: [UInt8]) -> String {
            switch JSONValue(body: body) {
            case .string(let text): text
            case let value: value.pretty
            }
        }

        /// Line by line, so that line ends stay and nothing else is obeyed by the terminal.
        private static func lines(_ text: String, indent: String) -> String {
            text.split(separator: "\n", omittingEmptySubsequences: false).map { Terminal.harmless(String($0)) }
                .joined(separator: "\n\(indent)")
        }
    }
}

extension DeadLetter {
    /// Whether an operator may mean this one by that name.
    func matches(id name: String) -> Bool {
        id == name || message.properties.messageID == name || message.fingerprint == name
    }
}
