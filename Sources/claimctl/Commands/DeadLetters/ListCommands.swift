import ArgumentParser
import DeadLetters
import RuntimeSupport

extension DLQCommand {
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the messages in the order of death, the newest last.",
            discussion: "Example: claimctl dlq list --reason lock_held --newer-than 1h")

        @OptionGroup(title: "Filters") var filters: FilterOptions

        @Option(name: .long, help: "Show this many at most, the oldest first.")
        var limit: Int?

        @OptionGroup var output: OutputOptions

        func run() throws {
            if let limit, limit < 1 { throw Failure.usage("--limit must be at least 1") }
            let filter = try filters.filter()
            let now = Timestamp.now()
            let all = try DeadLetterQueue.letters(.atTerminal())
            let matching = all.filter { filter.matches($0, at: now) }
            let shown = Array(matching.prefix(limit ?? .max))
            if output.json { return try Output.documents(shown.map { DeadLetterLine($0, now: now) }) }
            if !shown.isEmpty { Output.table(Table(shown, now: now)) }
            Output.line(Self.totals(all: all.count, matching: matching, shown: shown.count, now: now).printable)
        }

        /// The line below the list: how many messages, by reason, and the age of the oldest.
        static func totals(all: Int, matching: [DeadLetter], shown: Int, now: Timestamp) -> String {
            let count = matching.count.counted("message")
            var parts = [shown == matching.count ? count : "\(shown) of \(count)"]
            if matching.count != all { parts.append("\(all) in total") }
            if !matching.isEmpty {
                let reasons = DeadLetterStatistics(matching).reasons
                parts.append(
                    reasons.map { "\($0.group.count) \($0.reason ?? "without a reason")" }.joined(separator: ", "))
                if let oldest = matching.compactMap({ $0.age(at: now) }).max() {
                    parts.append("oldest \(TimeSpan.text(oldest))")
                }
            }
            return parts.joined(separator: "; ")
        }
    }

    struct Stats: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Count the messages by reason, coupon and cause.",
            discussion: """
                Messages have the same cause if their reasons and their errors are the same, apart from ids, numbers \
                and quoted values in the error.
                """)

        @OptionGroup(title: "Filters") var filters: FilterOptions

        @Option(name: .long, help: "Show this many coupons and causes at most.")
        var top = 20

        @OptionGroup var output: OutputOptions

        func run() throws {
            guard top > 0 else { throw Failure.usage("--top must be at least 1") }
            let filter = try filters.filter()
            let now = Timestamp.now()
            let letters = try DeadLetterQueue.letters(.atTerminal()).filter { filter.matches($0, at: now) }
            let statistics = DeadLetterStatistics(letters)
            if output.json { return try Output.document(StatisticsDocument(statistics, now: now)) }
            let oldest = letters.compactMap { $0.age(at: now) }.max().map { "; oldest \(TimeSpan.text($0))" } ?? ""
            Output.line("\(statistics.all.count.counted("message"))\(oldest)")
            guard statistics.all.count > 0 else { return }
            Output.line("")
            Output.table(.causes(statistics, limit: top, now: now))
            Output.line("")
            Output.table(.coupons(statistics, limit: top, now: now))
            let hidden = max(0, statistics.causes.count - top) + max(0, statistics.coupons.count - top)
            if hidden > 0 { Output.line("… and \(hidden.counted("more line")); see --top") }
        }
    }
}
