import ArgumentParser
import Broker
import Claims
import Foundation
import Postgres
import Redis
import RuntimeSupport
import Settings

@main
struct ClaimCtl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "claimctl",
        abstract: "Looks after the claims of a flash sale: schema, coupons, claims, queues and invariants.",
        discussion: """
            Exit codes: 0 done (an empty list too), 1 failed, 2 nothing matched what was to be shown or changed, \
            64 wrong usage.

            \((StoreSettings.all + [APIClient.url]).help)
            """,
        subcommands: [
            Migrate.self, CouponCommand.self, ClaimCommand.self, DLQCommand.self, Status.self, AuditCommand.self,
        ])

    /// Runs a command; what goes wrong is one sentence on standard error and an exit code of the contract.
    static func main() async {
        Process.ignoreBrokenPipes()
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let failure as Failure {
            FileHandle.standardError.write(Data("claimctl: \(failure.message)\n".utf8))
            Foundation.exit(failure.code)
        } catch let error as SettingError {
            error.exitProcess(program: "claimctl")
        } catch let error as PostgresError {
            let advice = error.sqlState == "42P01" ? "; run claimctl migrate first" : ""
            FileHandle.standardError.write(Data("claimctl: PostgreSQL: \(error)\(advice)\n".utf8))
            Foundation.exit(1)
        } catch let error as BrokerError {
            FileHandle.standardError.write(Data("claimctl: RabbitMQ: \(error)\n".utf8))
            Foundation.exit(1)
        } catch let error as RedisError {
            FileHandle.standardError.write(Data("claimctl: Redis: \(error)\n".utf8))
            Foundation.exit(1)
        } catch {
            exit(withError: error)
        }
    }
}

/// What a command ends with when it did not do what was asked.
struct Failure: Error {
    let code: Int32
    let message: String

    /// It was tried and went wrong.
    static func failed(_ message: String) -> Failure { Failure(code: 1, message: message) }
    /// There was nothing to show or change.
    static func nothingMatched(_ message: String) -> Failure { Failure(code: 2, message: message) }
    /// The command was not asked in a way that it understands.
    static func usage(_ message: String) -> Failure { Failure(code: 64, message: message) }
}
