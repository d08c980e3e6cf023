import ArgumentParser
import Claims
import DeadLetters
import RuntimeSupport

/// `claimctl dlq`
struct DLQCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dlq",
        abstract: "Inspect the dead-letter queue, and replay, edit or discard its messages.",
        discussion: """
            A message that can't be read, or whose claim can't be decided after its retries, goes to the queue \
            \(Topology.deadQueue). Reading the queue changes nothing: a command takes all messages without \
            acknowledging them, and returns them. One command at a time has the queue open; others wait.

            A typical sequence:
              claimctl dlq stats                        count the failures by cause
              claimctl dlq show ID                      show one message, and whether a replay would help now
              claimctl dlq replay --reason R --dry-run  show what would be replayed, with a digest of that set
              claimctl dlq replay --plan DIGEST --ramp  replay 1, 5, 50 …; stop when too many fail again
              claimctl dlq edit ID                      replace a body that can't be read
              claimctl dlq discard --reason R --note T  move messages to the archive
              claimctl audit                            check that no claim is lost

            FILTERS are combined with and: --reason R --coupon NAME --older-than 1h selects the messages that match \
            all three. An ID is a claim's id, a message id, or the fingerprint that --json shows. A message without a \
            claim's id and a message id has an id that is derived from its content.

            Exit codes: 0 success, including an empty list; 1 failure; 2 nothing matched; 64 wrong usage.
            """,
        subcommands: [
            List.self, Show.self, Stats.self, Replay.self, Edit.self, Discard.self, Discarded.self, Restore.self,
            Export.self, Import.self, Watch.self,
        ])
}

/// The filters that lists and changes share.
struct FilterOptions: ParsableArguments {
    @Option(name: .long, help: "Only messages with this reason, for example lock_held or unreadable.")
    var reason: String?

    @Option(name: .long, help: "Only messages for this coupon.")
    var coupon: String?

    @Option(name: .long, help: "Only messages of this user.")
    var user: String?

    @Option(name: .long, help: "Only messages dead-lettered longer ago than 90s, 15m, 1h, 2d or 1h30m, for example.")
    var olderThan: String?

    @Option(name: .long, help: "Only messages dead-lettered less long ago.")
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
