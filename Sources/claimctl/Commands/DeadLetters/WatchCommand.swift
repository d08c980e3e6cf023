import ArgumentParser
import Claims
import DeadLetters
import RuntimeSupport

extension DLQCommand {
    struct Watch: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Follow the queue: depth, arrivals per minute, top causes. Ends with Ctrl-C.",
            discussion: "With --json, prints one line per look at the queue.")

        @Option(name: .long, help: "Seconds between two looks, at least.")
        var interval = 2.0

        @Option(name: .long, help: "End after this many looks.")
        var count: Int?

        @OptionGroup var output: OutputOptions

        private static let causeLimit = 15

        func run() throws {
            guard (0.1...3600).contains(interval) else { throw Failure.usage("--interval must be from 0.1 to 3600") }
            if let count, count < 1 { throw Failure.usage("--count must be at least 1") }
            guard output.json || Terminal.width != nil else {
                throw Failure.usage("watch needs a terminal; programs use claimctl dlq watch --json")
            }
            let session = try OperatorSession.atTerminal()
            let pause = WakeSignal()
            var looks = 0
            while true {
                let begin = ContinuousClock.now
                var snapshot = QueueSnapshot(at: .now())
                try DeadLetterQueue.forEachLetter(session) { snapshot.add($0) }
                try show(snapshot)
                looks += 1
                if looks == count { return }
                // Other operators wait while the queue is read, so reading takes a sixth of the time at most.
                pause.wait(atMost: max(.seconds(interval), (ContinuousClock.now - begin) * 5))
            }
        }

        private func show(_ snapshot: QueueSnapshot) throws {
            if output.json { return try Output.document(snapshot) }
            let table = Table.recentCauses(
                snapshot.statistics.causes.prefix(Self.causeLimit), now: snapshot.at)
            let head =
                "\(snapshot.at)  \(Topology.deadQueue): \(snapshot.depth.counted("message")), "
                + "\(snapshot.arrivals) in the last minute"
            let lines = [head, ""] + (snapshot.depth == 0 ? ["empty"] : table.lines(width: Terminal.width))
            // Overwrites the screen line by line, so that it does not flicker.
            Output.line("\u{1b}[H" + lines.map { "\($0)\u{1b}[K" }.joined(separator: "\n") + "\u{1b}[J")
        }
    }
}
