import ArgumentParser
import Claims
import DeadLetters

/// `claimctl dlq`
struct DLQCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dlq",
        abstract: "Look into the dead-letter queue, and put back, mend or discard what lies there.",
        discussion: """
            What could not be decided after its retries, or not be read at all, lies in the queue \(Topology.deadQueue). \
            Nothing there is lost, and looking changes nothing: every look takes the messages in hand without \
            acknowledging them and gives them back. One looks at a time; others wait for a moment.

            A night's work, in order:
              claimctl dlq stats                        what failed, by cause
              claimctl dlq show ID                      one of them whole, and whether a replay would help now
              claimctl dlq replay --reason R --dry-run  what would go, and a digest for exactly that
              claimctl dlq replay --plan DIGEST --ramp  1, 5, 50 …, stopping by itself when they fail again
              claimctl dlq edit ID                      mend a body that could not be read
              claimctl dlq discard --reason R --note T  out of the queue, kept in the archive
              claimctl audit                            nothing got lost

            FILTERS hold together: --reason R --coupon NAME --older-than 1h means all three. An ID is a claim's id, \
            a message id, one made from the content of what has neither, or the fingerprint that --json shows.

            Exit codes: 0 done (an empty list too), 1 failed, 2 nothing matched what was to be shown or changed, \
            64 wrong usage.
            """,
        subcommands: [
            List.self, Show.self, Stats.self, Replay.self, Edit.self, Discard.self, Discarded.self, Restore.self,
            Export.self, Import.self, Watch.self,
        ])

    /// Everything that lies in the queue, in the order of death.
    static func letters(_ stores: StoreSettings) throws -> [DeadLetter] {
        try DeadLetterQueue.letters(stores) { Terminal.note($0) }
    }
}

/// The filters that lists and changes share.
struct FilterOptions: ParsableArguments {
    @Option(name: .long, help: "Only what lies there for this reason, as lock_held or unreadable.")
    var reason: String?

    @Option(name: .long, help: "Only this coupon's.")
    var coupon: String?

    @Option(name: .long, help: "Only this user's.")
    var user: String?

    @Option(name: .long, help: "Only what died longer ago than this, as 90s, 15m, 1h, 2d or 1h30m.")
    var olderThan: String?

    @Option(name: .long, help: "Only what died since.")
    var newerThan: String?

    func filter() throws -> DeadLetterFilter {
        func span(_ text: String?, _ option: String) throws -> Int? {
            guard let text else { return nil }
            guard let seconds = TimeSpan.seconds(text) else {
                throw Failure.usage("\(option) must be a time span like 90s, 15m, 1h, 2d or 1h30m, not \"\(text)\"")
            }
            return seconds
        }
        if let coupon, CouponName(coupon) == nil { throw Failure.usage("--coupon \(CouponName.rule)") }
        return DeadLetterFilter(
            reason: reason, couponName: coupon.flatMap(CouponName.init)?.description, userID: user,
            olderThan: try span(olderThan, "--older-than"), newerThan: try span(newerThan, "--newer-than"))
    }
}
