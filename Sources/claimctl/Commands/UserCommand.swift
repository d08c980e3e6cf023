import ArgumentParser
import Claims
import DeadLetters
import Postgres
import Redis
import RuntimeSupport
import Settings

/// `claimctl user`
struct UserCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user", abstract: "Manage what is stored about a user.", subcommands: [Forget.self])

    struct Forget: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Erase a user's id from all claims.",
            discussion: """
                The user's claims keep their outcome under a random pseudonym, since the amounts of coupons are checked \
                against them. Lists of eligible users and the archive of discarded messages lose the user. The change \
                can't be undone, and the pseudonym can't be traced back.

                A claim that is still pending keeps the id until it is decided; run the command again then. Redis and the \
                logs of the programs may name the user until they expire. A user who claims again counts as a new one.

                Example: claimctl user forget u4711
                """)

        @Argument(help: "The user's id.")
        var id: String

        @Flag(name: .long, help: "Do not ask.")
        var yes = false

        @OptionGroup var output: OutputOptions

        private struct Document: Encodable {
            let pseudonym: String
            let claims, lists, messages: Int
        }

        func run() throws {
            guard let user = UserID(id) else {
                throw Failure.usage("a user id is 1 to 128 characters without control characters")
            }
            if !yes {
                guard Terminal.isInteractive else {
                    throw Failure.usage("claimctl user forget needs --yes without a terminal; nothing was changed")
                }
                guard Terminal.confirms("erase user \(user.description.printable)?") else {
                    throw Failure.failed("not confirmed; nothing was changed")
                }
            }
            let session = try OperatorSession.atTerminal("claimctl user")
            try Self.requireNoDeadLetters(of: user, session)
            let patience = Duration.seconds(600)
            let connection = try PostgresConnection(
                session.stores.database, name: session.connectionName,
                timeouts: .init(lock: .seconds(10), statement: patience, answer: patience))
            try Schema.check(connection)
            let report = try UserEraser(connection).erase(
                user, pseudonym: "forgotten-\(APIKeyToken.randomID())", by: session.operatorName, within: patience)
            try Self.forget(report.ids, session.stores.redis)
            guard report.claims + report.lists + report.messages > 0 else {
                throw Failure.nothingMatched("no store knows a user \(user.description.printable)")
            }
            if output.json {
                return try Output.document(
                    Document(
                        pseudonym: report.pseudonym, claims: report.claims, lists: report.lists,
                        messages: report.messages))
            }
            Output.line("the user's \(report.claims.counted("claim")) belong to \(report.pseudonym) now")
            if report.lists > 0 { Output.line("  removed from \(report.lists.counted("list")) of eligible users") }
            if report.messages > 0 { Output.line("  \(report.messages.counted("discarded message")) deleted") }
        }

        /// A dead letter names its user, and a replay would bring the id back.
        private static func requireNoDeadLetters(of user: UserID, _ session: OperatorSession) throws {
            let filter = DeadLetterFilter(userID: user.description)
            var count = 0
            try DeadLetterQueue.forEachLetter(session) { letter in
                if filter.matches(letter, at: .now()) { count += 1 }
            }
            guard count == 0 else {
                throw Failure.failed(
                    "the dead-letter queue has \(count.counted("message")) of this user; nothing was changed. "
                        + "Replay or discard them first, for example: claimctl dlq discard --user \(user.description.printable)"
                )
            }
        }

        /// Deletes what Redis remembers of the claims. What it can't delete now expires within 25 hours.
        private static func forget(_ ids: [ClaimID], _ address: RedisAddress) throws {
            guard !ids.isEmpty else { return }
            do throws(RedisError) {
                try RedisConnection(address, timeout: .seconds(5)).send(.all(ids.map(ClaimCache.forget)))
            } catch {
                Terminal.note("Redis: \(error); what it remembers of the user's claims expires within 25 hours")
            }
        }
    }
}
