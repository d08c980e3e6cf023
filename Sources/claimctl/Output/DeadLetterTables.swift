import DeadLetters
import RuntimeSupport

extension Table {
    /// The causes of dead letters, the most frequent first.
    static func causes(
        _ causes: some Sequence<(cause: ErrorGroup, group: DeadLetterStatistics.Group)>, now: Timestamp
    ) -> Table {
        Table(
            [
                .init("COUNT"), .init("REASON"), .init("COUPONS"), .init("OLDEST"), .init("NEWEST"),
                .init("EXAMPLE"), .init("CAUSE", canShrink: true),
            ],
            causes.map { cause, group in
                [
                    "\(group.count)", cause.reason ?? "-", "\(group.coupons.count)", age(group.oldest, now),
                    age(group.newest, now), group.example?.id ?? "-", cause.error ?? "-",
                ]
            })
    }

    /// The causes of dead letters, for a screen that is refreshed.
    static func recentCauses(
        _ causes: some Sequence<(cause: ErrorGroup, group: DeadLetterStatistics.Group)>, now: Timestamp
    ) -> Table {
        Table(
            [.init("COUNT"), .init("REASON"), .init("NEWEST"), .init("CAUSE", canShrink: true)],
            causes.map { cause, group in
                ["\(group.count)", cause.reason ?? "-", age(group.newest, now), cause.error ?? "-"]
            })
    }

    /// The coupons of dead letters, the most frequent first.
    static func coupons(
        _ coupons: some Sequence<(couponName: String?, group: DeadLetterStatistics.Group)>, now: Timestamp
    ) -> Table {
        Table(
            [.init("COUNT"), .init("COUPON", canShrink: true), .init("OLDEST")],
            coupons.map { coupon, group in
                ["\(group.count)", coupon ?? "-", age(group.oldest, now)]
            })
    }

    private static func age(_ time: Timestamp?, _ now: Timestamp) -> String {
        time.map { TimeSpan.text(max(0, Int(now.seconds(since: $0)))) } ?? "-"
    }
}
