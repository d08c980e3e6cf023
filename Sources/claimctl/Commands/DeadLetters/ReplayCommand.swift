import ArgumentParser
import Claims
import Foundation
import Settings

extension DLQCommand {
    struct Replay: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send messages back to be decided.",
            discussion: """
                Each message leaves the dead-letter queue only after the broker has confirmed its copy in its work \
                queue. It starts with fresh retries, keeps its id and its history, and its claim reads pending again. \
                Broken off in the middle, the command can be run again: nothing is lost, and a copy that goes twice is \
                decided once.

                At the end it tells what became of the claims: decided anew, decided already before (the message was \
                swallowed as a duplicate), or failed again.

                Examples:
                  claimctl dlq replay --reason database_error --dry-run
                  claimctl dlq replay --plan 3k9vq0d1m2n4p5r7 --ramp
                  claimctl dlq replay --all --rate 100 --yes
                """)

        @OptionGroup var change: ChangeOptions

        @Option(name: .long, help: "Messages a second, at most. (default: as fast as it goes)")
        var rate: Double?

        @Flag(
            name: .long,
            help:
                "Send 1, then 5, then 50 …, wait for what becomes of each step, and stop when more than a tenth fails.")
        var ramp = false

        @Option(name: .long, help: "Seconds to wait for what becomes of the claims, of each step with --ramp.")
        var wait = 60.0

        @OptionGroup var output: OutputOptions

        func run() throws {
            if let rate, !(0.01...1_000_000).contains(rate) {
                throw Failure.usage("--rate must be from 0.01 to 1000000")
            }
            guard (0...86_400).contains(wait) else { throw Failure.usage("--wait must be from 0 to 86400") }
            if ramp, wait == 0 { throw Failure.usage("--ramp waits for outcomes, so --wait must not be 0") }
            let stores = try StoreSettings(SettingReader())
            let choice = try change.choose(.replay, stores)
            if change.dryRun { return try change.show(choice, stores, output) }
            let replay = try Replayer(
                of: choice.letters.count, stores,
                options: .init(rate: rate, isRamp: ramp, patience: .seconds(wait)))
            let report = try replay.run(choice.plan.fingerprints)
            try show(ReplayDocument(report))
            if let stopped = report.stopped { throw Failure.failed("stopped: \(stopped)") }
            if report.refused > 0 {
                throw Failure.failed("\(report.refused) messages were not taken by the broker and lie where they were")
            }
            try change.complain(about: choice.missing)
        }

        private func show(_ document: ReplayDocument) throws {
            if output.json { return try Output.document(document) }
            Output.line("\(document.replayed) messages replayed")
            let lines = [
                (document.decidedAnew, "decided anew: \(document.claimed) claimed, \(document.rejected) rejected"),
                (document.decidedBefore, "decided already before, swallowed as duplicates"),
                (document.failedAgain, "failed again; they lie in the dead-letter queue"),
                (document.pending, "pending still; claimctl claim show tells later"),
                (document.unfollowed, "without a claim's id, so that nobody can follow them"),
                (document.superseded, "older messages of the same claims went with them"),
                (document.gone, "lay there no more"),
            ]
            for (count, text) in lines where count > 0 { Output.line("  \(count) \(text)") }
        }
    }
}

/// What `claimctl dlq replay --json` prints.
private struct ReplayDocument: Encodable {
    let replayed, superseded, gone, refused, unfollowed: Int
    let decidedAnew, claimed, rejected, decidedBefore, failedAgain, pending: Int
    let failedIDs: [String]
    let stopped: String?

    enum CodingKeys: String, CodingKey {
        case replayed, superseded, gone, refused, unfollowed, claimed, rejected, pending, stopped
        case decidedAnew = "decided_anew"
        case decidedBefore = "decided_before"
        case failedAgain = "failed_again"
        case failedIDs = "failed_ids"
    }

    init(_ report: Replayer.Report) {
        replayed = report.replayed
        superseded = report.superseded
        gone = report.gone
        refused = report.refused
        unfollowed = report.unfollowed
        claimed = report.count { $0 == .decidedAnew(.claimed) }
        rejected = report.count { $0 == .decidedAnew(.rejected) }
        decidedAnew = report.count { if case .decidedAnew = $0 { true } else { false } }
        decidedBefore = report.count { $0 == .decidedBefore }
        failedAgain = report.count { $0 == .failedAgain }
        pending = report.count { $0 == .pending }
        failedIDs = report.outcomes.filter { $0.value == .failedAgain }.map(\.key.id.description).sorted()
        stopped = report.stopped
    }
}
