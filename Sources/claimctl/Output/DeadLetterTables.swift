import DeadLetters
import RuntimeSupport

extension Table {
    /// Dead letters, one per row.
    init(_ letters: [DeadLetter], now: Timestamp) {
        self.init(
            [
                .init("ID"), .init("AGE"), .init("REASON", canShrink: true), .init("ATTEMPTS"),
                .init("COUPON", canShrink: true), .init("USER", canShrink: true), .init("ERROR", canShrink: true),
            ],
            letters.map { letter in
                [
                    letter.id, letter.age(at: now).map(TimeSpan.text) ?? "-", letter.reason ?? "-",
                    String(letter.attempts), letter.couponName ?? "-", letter.userID ?? "-", letter.error ?? "-",
                ]
            })
    }

    /// The causes of dead letters, the most frequent first.
    static func causes(_ statistics: DeadLetterStatistics, limit: Int, now: Timestamp) -> Table {
        Table(
            [
                .init("COUNT"), .init("REASON"), .init("COUPONS"), .init("OLDEST"), .init("NEWEST"),
                .init("EXAMPLE"), .init("CAUSE", canShrink: true),
            ],
            statistics.causes.prefix(limit).map { cause, group in
                [
                    "\(group.count)", cause.reason ?? "-", "\(group.coupons.count)", age(group.oldest, now),
                    age(group.newest, now), group.example?.id ?? "-", cause.error ?? "-",
                ]
            })
    }

    /// The causes of dead letters, for a screen that is refreshed.
    static func recentCauses(_ statistics: DeadLetterStatistics, limit: Int, now: Timestamp) -> Table {
        Table(
            [.init("COUNT"), .init("REASON"), .init("NEWEST"), .init("CAUSE", canShrink: true)],
            statistics.causes.prefix(limit).map { cause, group in
                ["\(group.count)", cause.reason ?? "-", age(group.newest, now), cause.error ?? "-"]
            })
    }

    /// The coupons of dead letters, the most frequent first.
    static func coupons(_ statistics: DeadLetterStatistics, limit: Int, now: Timestamp) -> Table {
        Table(
            [.init("COUNT"), .init("COUPON", canShrink: true), .init("OLDEST")],
            statistics.coupons.prefix(limit).map { coupon, group in
                ["\(group.count)", coupon ?? "-", age(group.oldest, now)]
            })
    }

    private static func age(_ time: Timestamp?, _ now: Timestamp) -> String {
        time.map { TimeSpan.text(max(0, Int(now.seconds(since: $0)))) } ?? "-"
    }
}
