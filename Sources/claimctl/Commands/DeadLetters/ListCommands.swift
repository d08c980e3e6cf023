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
            let listing = DeadLetterListing(output, limit: limit, now: now)
            var all = 0
            var matching = DeadLetterTotals()
            try DeadLetterQueue.forEachLetter(.atTerminal()) { letter in
                all += 1
                guard filter.matches(letter, at: now) else { return }
                matching.add(letter)
                try listing.add(letter)
            }
            try listing.show()
            if output.json { return }
            Output.line(Self.totals(all: all, matching: matching, shown: listing.count, now: now).printable)
        }

        /// The line below the list: how many messages, by reason, and the age of the oldest.
        static func totals(all: Int, matching: DeadLetterTotals, shown: Int, now: Timestamp) -> String {
            let count = matching.count.counted("message")
            var parts = [shown == matching.count ? count : "\(shown) of \(count)"]
            if matching.count != all { parts.append("\(all) in total") }
            if matching.count > 0 {
                parts.append(
                    matching.reasons.map { "\($0.count) \($0.reason ?? "without a reason")" }.joined(separator: ", "))
                if let oldest = matching.oldest {
                    parts.append("oldest \(TimeSpan.text(max(0, Int(now.seconds(since: oldest)))))")
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
            var statistics = DeadLetterStatistics()
            try DeadLetterQueue.forEachLetter(.atTerminal()) { letter in
                if filter.matches(letter, at: now) { statistics.add(letter) }
            }
            if output.json { return try Output.document(StatisticsDocument(statistics, now: now)) }
            let age = statistics.all.oldest.map { max(0, Int(now.seconds(since: $0))) }
            let oldest = age.map { "; oldest \(TimeSpan.text($0))" } ?? ""
            Output.line("\(statistics.all.count.counted("message"))\(oldest)")
            guard statistics.all.count > 0 else { return }
            Output.line("")
            let (causes, coupons) = (statistics.causes, statistics.coupons)
            Output.table(.causes(causes.prefix(top), now: now))
            Output.line("")
            Output.table(.coupons(coupons.prefix(top), now: now))
            let hidden = max(0, causes.count - top) + max(0, coupons.count - top)
            if hidden > 0 { Output.line("… and \(hidden.counted("more line")); see --top") }
        }
    }
}
