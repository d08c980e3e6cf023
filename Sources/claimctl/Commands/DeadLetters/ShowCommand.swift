import ArgumentParser
import Broker
import Claims
import DeadLetters
import OrderedCollections
import RuntimeSupport

extension DLQCommand {
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show one message completely, and whether a replay would help now.")

        @Argument(help: "An id that list shows, a message id or a fingerprint.")
        var id: String

        @OptionGroup var output: OutputOptions

        func run() throws {
            let session = try OperatorSession.atTerminal()
            let match = try DeadLetterMatch(id: id, session)
            if match.count > 1 {
                let others = match.others.joined(separator: " ")
                Terminal.note("\(match.count) messages have the id \(id); this is the newest. The others: \(others)")
            }
            let document = DeadLetterDocument(match.newest, session)
            if output.json { return try Output.document(document) }
            show(document)
        }

        private func show(_ document: DeadLetterDocument) {
            let letter = document.letter
            let headers = letter.message.properties.headers
            let age = letter.age(at: document.now).map { ", \(TimeSpan.text($0)) ago" } ?? ""
            Output.fields([
                ("id", letter.id), ("fingerprint", letter.message.fingerprint), ("coupon", letter.couponName ?? "-"),
                ("user", letter.userID ?? "-"), ("reason", letter.reason ?? "-"), ("attempts", "\(letter.attempts)"),
                ("died", (letter.diedAt?.description ?? "-") + age),
                ("claim now", Self.text(document.circumstances.claim)),
                ("diagnosis", document.diagnosis.text),
            ])
            Output.line("\nattempts")
            if letter.failures.isEmpty { Output.line("  none recorded") }
            for failure in letter.failures {
                Output.line("  \(failure.attempt)  \(failure.at)  \(failure.worker.printable)")
                Output.line("     \("\(failure.code): \(failure.message)".printable)")
            }
            if !letter.replays.isEmpty {
                Output.line("\nreplays")
                for replay in letter.replays {
                    let (at, by, reason) = (replay.at ?? "-", replay.by ?? "-", replay.reason ?? "-")
                    Output.line("  \("\(at)  by \(by), after \(reason)".printable)")
                }
            }
            Output.line("\nproperties")
            for (name, value) in document.properties.sorted(by: { $0.key < $1.key }) {
                Output.line("  \(name): \(value.printable)")
            }
            Output.line("\nheaders")
            for (name, value) in headers where name != ClaimHeaders.errors {
                Output.line("  \(name.printable): \(Self.indented(JSONValue(value).pretty))")
            }
            Output.line("\nbody (\(letter.message.body.count.counted("byte")))")
            Output.line("  " + Self.indented(Self.pretty(letter.message.body)))
        }

        private static func text(_ claim: Claim??) -> String {
            switch claim {
            case .some(.some(let claim)):
                [claim.status.rawValue, claim.reason].compactMap(\.self).joined(separator: ", ")
            case .some(.none): "pending, or not a claim of this system"
            case .none: "unknown; PostgreSQL can't be reached"
            }
        }

        private static func pretty(_ body: [UInt8]) -> String {
            switch JSONValue(body: body) {
            case .string(let text): text
            case let value: value.pretty
            }
        }

        /// The text with its line breaks and an indent, and all other control characters escaped.
        private static func indented(_ text: String) -> String {
            text.split(separator: "\n", omittingEmptySubsequences: false).map { String($0).printable }
                .joined(separator: "\n  ")
        }
    }
}
