import ArgumentParser
import Claims
import DeadLetters
import RuntimeSupport
import Settings

extension DLQCommand {
    struct Replay: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send messages back to their work queues.",
            discussion: """
                A message leaves the dead-letter queue only after the broker has confirmed its copy in the work queue. \
                It keeps its id and its history, starts with all its retries, and its claim becomes pending. An \
                interrupted replay can be run again: no message is lost, and a claim whose message is sent twice is \
                decided once.

                At the end, the command counts the outcomes of the claims: newly decided, decided before (the message \
                was dropped as a duplicate), or failed again.

                Examples:
                  claimctl dlq replay --reason database_error --dry-run
                  claimctl dlq replay --plan 3k9vq0d1m2n4p5r7 --ramp
                  claimctl dlq replay --all --rate 100 --yes
                """)

        @OptionGroup var options: ChangeOptions

        @Option(name: .long, help: "Messages per second, at most. (default: no limit)")
        var rate: Double?

        @Flag(
            name: .long,
            help: """
                Send 1, then 5, then 50 …; wait for the outcomes of each step, and stop if more than a tenth of a step \
                fails again or has no outcome within --wait.
                """)
        var ramp = false

        @Option(name: .long, help: "Seconds to wait for the claims' outcomes, of each step with --ramp.")
        var wait = 60.0

        @OptionGroup var output: OutputOptions

        func run() throws {
            if let rate, !(0.01...1_000_000).contains(rate) {
                throw Failure.usage("--rate must be from 0.01 to 1000000")
            }
            guard (0...86_400).contains(wait) else { throw Failure.usage("--wait must be from 0 to 86400") }
            if ramp, wait == 0 { throw Failure.usage("--ramp waits for outcomes, so --wait must not be 0") }
            let session = try OperatorSession.atTerminal()
            if options.dryRun { return try options.showPlan(.replay, session, output) }
            let change = try options.change(.replay, session)
            let report = try session.logged(
                .deadLetterReplay, on: try options.selection(for: .replay).summary,
                detail: { "\($0.replayed) replayed" + ($0.stopped.map { ", stopped: \($0)" } ?? "") },
                {
                    try Replayer(session, options: .init(rate: rate, isRamp: ramp, patience: .seconds(wait)))
                        .run(change.plan.fingerprints)
                })
            try show(report)
            try report.check(missing: change.missing)
        }

        private func show(_ report: ReplayReport) throws {
            if output.json { return try Output.document(report) }
            Output.line("\(report.replayed.counted("message")) replayed")
            let lines = [
                (
                    report.decidedAnew,
                    "newly decided: \(report.claimed) claimed, \(report.rejected) rejected, \(report.cancelled) cancelled"
                ),
                (report.decidedBefore, "decided before; dropped as duplicates"),
                (report.failedAgain, "failed again; in the dead-letter queue"),
                (report.pending, "still pending; see claimctl claim show"),
                (report.waiting, "not sent: cancels of claims without an outcome"),
                (report.unfollowed, "without a claim's id; outcome unknown"),
                (report.superseded, "removed as older messages of the same requests"),
                (report.gone, "no longer in the queue"),
            ]
            for (count, text) in lines where count > 0 { Output.line("  \(count) \(text)") }
        }
    }
}
