import ArgumentParser
import Claims
import Postgres
import RuntimeSupport
import Settings

/// `claimctl log`
struct LogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Show what operators did: coupons, keys, dead letters, cancels, requeued claims, forgotten users.",
        discussion: "Example: claimctl log --since 1d")

    @Option(name: .long, help: "Only actions of this time, such as 1h or 7d, or since a time (RFC 3339).")
    var since: String?

    @Option(name: .long, help: "Show this many of the newest at most.")
    var limit = 1000

    @OptionGroup var output: OutputOptions

    func run() throws {
        guard limit > 0 else { throw Failure.usage("--limit must be at least 1") }
        let start = try since.map { text in
            if let time = Timestamp(text) { return time }
            guard let seconds = TimeSpan.seconds(text) else {
                throw Failure.usage("--since must be a time span such as 1h, or a time such as 2026-11-27T00:00:00Z")
            }
            // Not before 1970, for a span of any length.
            return Timestamp(milliseconds: max(0, Timestamp.now().milliseconds - Int64(seconds) * 1000))
        }
        let connection = try PostgresConnection(try StoreSettings.database(SettingReader()), name: "claimctl log")
        try Schema.check(connection)
        let actions = try OperatorLog(connection).actions(since: start, limit: limit)
        if output.json { return try Output.documents(actions) }
        Output.table(
            Table(
                [
                    .init("TIME"), .init("OPERATOR"), .init("ACTION"), .init("ON", canShrink: true),
                    .init("OUTCOME", canShrink: true), .init("DETAIL", canShrink: true),
                ],
                actions.map {
                    [
                        $0.at.description, $0.operator, $0.action, $0.subject ?? "-", $0.outcome, $0.detail ?? "-",
                    ]
                }))
    }
}
