import ArgumentParser
import Claims
import DeadLetters
import Foundation
import OrderedCollections
import Postgres
import RuntimeSupport
import Settings

extension DLQCommand {
    struct Discard: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take messages out of the queue for good; their claims become discarded.",
            discussion: """
                The whole message goes into the archive first, with who discarded it, when and why, and claimctl dlq \
                restore brings it back from there. A claim that is decided already keeps its outcome.

                Example: claimctl dlq discard --reason unreadable --note "test traffic, ticket 4711"
                """)

        @OptionGroup var change: ChangeOptions

        @Option(name: .long, help: "Why; it becomes the claims' reason. Up to 1000 characters.")
        var note: String?

        @OptionGroup var output: OutputOptions

        func run() throws {
            if let note, note.isEmpty || note.unicodeScalars.count > 1000 || note.unicodeScalars.contains("\0") {
                throw Failure.usage("--note must be 1 to 1000 characters")
            }
            let stores = try StoreSettings(SettingReader())
            let choice = try change.choose(.discard, stores)
            if change.dryRun { return try change.show(choice, stores, output) }
            let report = try Archive(stores).discard(choice.plan.fingerprints, note: note)
            if output.json {
                try Output.document(report)
            } else {
                Output.line("\(report.discarded) messages discarded, \(report.claims) claims read discarded now")
                if report.gone > 0 { Output.line("  \(report.gone) lay there no more") }
                Output.line("claimctl dlq discarded lists them, claimctl dlq restore ID brings one back")
            }
            try change.complain(about: choice.missing)
        }
    }

    struct Discarded: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List what was discarded and can be restored, the newest last.")

        @OptionGroup var output: OutputOptions

        private struct Line: Encodable {
            let id, fingerprint: String
            let copies: Int
            let note: String?
            let discardedAt: Timestamp?
            let discardedBy: String

            enum CodingKeys: String, CodingKey {
                case id, fingerprint, copies, note
                case discardedAt = "discarded_at"
                case discardedBy = "discarded_by"
            }
        }

        func run() throws {
            let stores = try StoreSettings(SettingReader())
            let entries = try DeadLetterStore(try PostgresConnection.ofOperator(stores)).discarded()
            if output.json {
                return try Output.documents(
                    entries.map {
                        Line(
                            id: $0.id, fingerprint: $0.fingerprint, copies: $0.copies, note: $0.note,
                            discardedAt: $0.doneAt, discardedBy: $0.doneBy)
                    })
            }
            Output.table(
                Table(
                    [.init("ID"), .init("DISCARDED"), .init("BY"), .init("NOTE", canShrink: true)],
                    entries.map { [$0.id, $0.doneAt?.description ?? "-", $0.doneBy, $0.note ?? "-"] }))
        }
    }

    struct Restore: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Bring discarded messages back into the dead-letter queue.",
            discussion: "Their claims read dead_lettered again. What lies in the queue is not put there twice.")

        @Argument(help: "Claim ids, message ids or fingerprints, as claimctl dlq discarded lists them.")
        var ids: [String]

        @OptionGroup var output: OutputOptions

        func run() throws {
            let stores = try StoreSettings(SettingReader())
            let archive = try Archive(stores)
            let entries = try archive.discarded(ids)
            guard !entries.isEmpty else {
                throw Failure.nothingMatched("nothing that is called so was discarded and not restored")
            }
            let report = try archive.restore(entries)
            if output.json {
                try Output.document(report)
            } else {
                Output.line("\(report.restored) messages lie in the dead-letter queue again")
                if report.present > 0 { Output.line("  \(report.present) lay there already") }
            }
            let missing = ids.filter { id in !entries.contains { $0.id == id || $0.fingerprint == id } }
            if !missing.isEmpty {
                throw Failure.failed("the rest is done, but nothing is called \(missing.joined(separator: ", "))")
            }
        }
    }
}
