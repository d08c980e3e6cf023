import ArgumentParser
import Claims
import Foundation
import RuntimeSupport
import Settings

extension DLQCommand {
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List what lies there, in the order of death, the newest last.",
            discussion: "Example: claimctl dlq list --reason lock_held --newer-than 1h")

        @OptionGroup(title: "Filters") var filters: FilterOptions

        @Option(name: .long, help: "The most that are shown, counted from the oldest.")
        var limit: Int?

        @OptionGroup var output: OutputOptions

        func run() throws {
            if let limit, limit < 1 { throw Failure.usage("--limit must be at least 1") }
            let filter = try filters.filter()
            let now = Timestamp.now()
            let all = try DLQCommand.letters(try StoreSettings(SettingReader()))
            let matching = all.filter { filter.matches($0, at: now) }
            let shown = Array(matching.prefix(limit ?? .max))
            if output.json { return try Output.documents(shown.map { DeadLetterLine($0, now: now) }) }
            if !shown.isEmpty { Output.table(DeadLetterLine.table(shown, now: now)) }
            Output.line(Self.totals(all: all.count, matching: matching, shown: shown.count, now: now))
        }

        private static func totals(all: Int, matching: [DeadLetter], shown: Int, now: Timestamp) -> String {
            var parts = [shown == matching.count ? "\(shown) messages" : "\(shown) of \(matching.count) messages"]
            if matching.count != all { parts.append("\(all) in all") }
            if !matching.isEmpty {
                let reasons = DeadLetterStatistics(matching).reasons
                parts.append(
                    reasons.map { "\($0.group.count) \($0.reason ?? "without a reason")" }.joined(separator: ", "))
                if let oldest = matching.compactMap({ $0.age(at: now) }).max() {
                    parts.append("the oldest \(TimeSpan.text(oldest))")
                }
            }
            return parts.joined(separator: "; ")
        }
    }

    struct Stats: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Count what lies there by reason, coupon and cause.",
            discussion: """
                A cause is a reason with an error's text in which ids, numbers and quoted values are folded, so that \
                thousands of failures read as the few things that went wrong.
                """)

        @OptionGroup(title: "Filters") var filters: FilterOptions

        @Option(name: .long, help: "The most coupons and causes that a table shows.")
        var top = 20

        @OptionGroup var output: OutputOptions

        func run() throws {
            guard top > 0 else { throw Failure.usage("--top must be at least 1") }
            let filter = try filters.filter()
            let now = Timestamp.now()
            let letters = try DLQCommand.letters(try StoreSettings(SettingReader()))
                .filter { filter.matches($0, at: now) }
            let statistics = DeadLetterStatistics(letters)
            if output.json { return try Output.document(StatisticsDocument(statistics, now: now)) }
            let oldest = statistics.all.oldest.map { "; the oldest \(Self.age($0, now))" } ?? ""
            Output.line("\(statistics.all.count) messages\(oldest)")
            guard statistics.all.count > 0 else { return }
            Output.line("")
            Output.table(
                Table(
                    [
                        .init("COUNT"), .init("REASON"), .init("COUPONS"), .init("OLDEST"), .init("NEWEST"),
                        .init("EXAMPLE"), .init("CAUSE", canShrink: true),
                    ],
                    statistics.causes.prefix(top).map { cause, group in
                        [
                            "\(group.count)", cause.reason ?? "-", "\(group.coupons.count)",
                            Self.age(group.oldest, now),
                            Self.age(group.newest, now), group.example?.id ?? "-", cause.error ?? "-",
                        ]
                    }))
            Output.line("")
            Output.table(
                Table(
                    [.init("COUNT"), .init("COUPON", canShrink: true), .init("OLDEST")],
                    statistics.coupons.prefix(top).map { coupon, group in
                        ["\(group.count)", coupon ?? "-", Self.age(group.oldest, now)]
                    }))
            let hidden = max(0, statistics.causes.count - top) + max(0, statistics.coupons.count - top)
            if hidden > 0 { Output.line("… and \(hidden) more lines; --top shows more") }
        }

        private static func age(_ time: Timestamp?, _ now: Timestamp) -> String {
            time.map { TimeSpan.text(max(0, Int(now.seconds(since: $0)))) } ?? "-"
        }
    }
}

/// What `claimctl dlq stats --json` prints.
struct StatisticsDocument: Encodable {
    private struct Group: Encodable {
        var reason: String??
        var couponName: String??
        var error: String??
        let count: Int
        let coupons: Int
        let oldest: Timestamp?
        let newest: Timestamp?
        let exampleID: String?

        enum CodingKeys: String, CodingKey {
            case reason, error, count, coupons
            case couponName = "coupon_name"
            case oldest = "oldest_died_at"
            case newest = "newest_died_at"
            case exampleID = "example_id"
        }

        init(_ group: DeadLetterStatistics.Group) {
            count = group.count
            coupons = group.coupons.count
            oldest = group.oldest
            newest = group.newest
            exampleID = group.example?.id
        }
    }

    private let count: Int
    private let oldest: Timestamp?
    private let oldestAge: Int?
    private let reasons: [Group]
    private let coupons: [Group]
    private let causes: [Group]

    private enum CodingKeys: String, CodingKey {
        case count, causes
        case reasons = "by_reason"
        case coupons = "by_coupon"
        case oldest = "oldest_died_at"
        case oldestAge = "oldest_age_seconds"
    }

    /// Absent times as null, so that every field is there.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(count, forKey: .count)
        try container.encode(oldest, forKey: .oldest)
        try container.encode(oldestAge, forKey: .oldestAge)
        try container.encode(reasons, forKey: .reasons)
        try container.encode(coupons, forKey: .coupons)
        try container.encode(causes, forKey: .causes)
    }

    init(_ statistics: DeadLetterStatistics, now: Timestamp) {
        count = statistics.all.count
        oldest = statistics.all.oldest
        oldestAge = statistics.all.oldest.map { max(0, Int(now.seconds(since: $0))) }
        reasons = statistics.reasons.map { reason, group in
            var shown = Group(group)
            shown.reason = .some(reason)
            return shown
        }
        coupons = statistics.coupons.map { coupon, group in
            var shown = Group(group)
            shown.couponName = .some(coupon)
            return shown
        }
        causes = statistics.causes.map { cause, group in
            var shown = Group(group)
            shown.reason = .some(cause.reason)
            shown.error = .some(cause.error)
            return shown
        }
    }
}
