import ArgumentParser
import Claims
import DeadLetters
import RuntimeSupport
import Settings

extension DLQCommand {
    struct Discard: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove messages from the queue; their claims become discarded.",
            discussion: """
                Each message is archived first: the whole message, who discarded it, when and why. claimctl dlq restore \
                puts it back. A claim that is decided already keeps its outcome.

                Example: claimctl dlq discard --reason unreadable --note "test traffic, ticket 4711"
                """)

        @OptionGroup var options: ChangeOptions

        @Option(name: .long, help: "The claims' new reason. Up to 1000 characters.")
        var note: String?

        @OptionGroup var output: OutputOptions

        func run() throws {
            if let note, note.isEmpty || note.unicodeScalars.count > 1000 || note.unicodeScalars.contains("\0") {
                throw Failure.usage("--note must be 1 to 1000 characters")
            }
            let session = try OperatorSession.atTerminal()
            if options.dryRun { return try options.showPlan(.discard, session, output) }
            let change = try options.change(.discard, session)
            let report = try session.logged(
                .deadLetterDiscard, on: try options.selection(for: .discard).summary,
                detail: { "\($0.discarded) discarded" + (note.map { ": \($0)" } ?? "") },
                { try Archive(session).discard(change.plan.fingerprints, note: note) })
            if output.json {
                try Output.document(report)
            } else {
                Output.line(
                    "\(report.discarded.counted("message")) and \(report.claims.counted("claim")) discarded")
                if report.gone > 0 { Output.line("  \(report.gone) no longer in the queue") }
                Output.line("list them with claimctl dlq discarded; put one back with claimctl dlq restore ID")
            }
            try DeadLetterError.check(missing: change.missing)
        }
    }

    struct Discarded: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the discarded messages that can be restored, the newest last.")

        @OptionGroup var output: OutputOptions

        func run() throws {
            let messages = try Archive(.atTerminal()).discarded()
            if output.json { return try Output.documents(messages) }
            Output.table(
                Table(
                    [.init("ID"), .init("DISCARDED"), .init("BY"), .init("NOTE", canShrink: true)],
                    messages.map { [$0.id, $0.archivedAt?.description ?? "-", $0.archivedBy, $0.note ?? "-"] }))
        }
    }

    struct Restore: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put discarded messages back into the dead-letter queue.",
            discussion: """
                Their claims become dead_lettered again. A message that is in the queue already is not added twice.
                """)

        @Argument(help: "Claim ids, message ids or fingerprints, as claimctl dlq discarded lists them.")
        var ids: [String]

        @OptionGroup var output: OutputOptions

        func run() throws {
            let session = try OperatorSession.atTerminal()
            let (report, missing) = try session.logged(
                .deadLetterRestore, on: DeadLetterSelection.ids(ids).summary,
                detail: { "\($0.report.restored) restored" }, { try Archive(session).restore(ids) })
            if output.json {
                try Output.document(report)
            } else {
                Output.line("\(report.restored.counted("message")) restored to the dead-letter queue")
                if report.present > 0 { Output.line("  \(report.present) already there") }
            }
            try DeadLetterError.check(missing: missing)
        }
    }
}
