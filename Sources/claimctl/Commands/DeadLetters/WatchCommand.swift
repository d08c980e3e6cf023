import ArgumentParser
import Claims
import Foundation
import RuntimeSupport
import Settings

extension DLQCommand {
    struct Watch: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Watch the queue live: depth, arrivals a minute, top causes. Ends with Ctrl-C.",
            discussion: "With --json one line each time, for a program that reads along.")

        @Option(name: .long, help: "Seconds between two looks, at least.")
        var interval = 2.0

        @Option(name: .long, help: "End after so many looks.")
        var count: Int?

        @OptionGroup var output: OutputOptions

        private struct Line: Encodable {
            struct ErrorGroup: Encodable {
                let count: Int
                let reason: String?
                let error: String?
            }
            let at: Timestamp
            let depth: Int
            let arrivals: Int
            let causes: [ErrorGroup]

            enum CodingKeys: String, CodingKey {
                case at, depth, causes
                case arrivals = "arrivals_per_minute"
            }
        }

        func run() throws {
            guard (0.1...3600).contains(interval) else { throw Failure.usage("--interval must be from 0.1 to 3600") }
            if let count, count < 1 { throw Failure.usage("--count must be at least 1") }
            guard output.json || Terminal.width != nil else {
                throw Failure.usage("watch needs a terminal; a program reads claimctl dlq watch --json")
            }
            let stores = try StoreSettings(SettingReader())
            let pause = WakeSignal()
            var looks = 0
            while true {
                let begin = ContinuousClock.now
                try look(stores)
                looks += 1
                if looks == count { return }
                // A look takes the queue in hand; over a long one it must not be most of the time.
                pause.wait(atMost: max(.seconds(interval), (ContinuousClock.now - begin) * 5))
            }
        }

        private func look(_ stores: StoreSettings) throws {
            let letters = try DLQCommand.letters(stores)
            let now = Timestamp.now()
            let statistics = DeadLetterStatistics(letters)
            let arrivals = letters.count { $0.age(at: now).map { $0 < 60 } ?? false }
            if output.json {
                return try Output.document(
                    Line(
                        at: now, depth: letters.count, arrivals: arrivals,
                        causes: statistics.causes.prefix(10).map {
                            .init(count: $0.group.count, reason: $0.cause.reason, error: $0.cause.error)
                        }))
            }
            // From the top, wiping each line's rest, so that nothing flickers.
            let table = Table(
                [.init("COUNT"), .init("REASON"), .init("NEWEST"), .init("CAUSE", canShrink: true)],
                statistics.causes.prefix(15).map { cause, group in
                    [
                        "\(group.count)", cause.reason ?? "-",
                        group.newest.map { TimeSpan.text(max(0, Int(now.seconds(since: $0)))) } ?? "-",
                        cause.error ?? "-",
                    ]
                })
            let head = "\(now)  claims.dead: \(letters.count) messages, \(arrivals) in the last minute"
            let lines = [head, ""] + (letters.isEmpty ? ["nothing lies there"] : table.lines(width: Terminal.width))
            Output.line("\u{1b}[H" + lines.map { "\($0)\u{1b}[K" }.joined(separator: "\n") + "\u{1b}[J")
        }
    }
}
