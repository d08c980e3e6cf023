import ArgumentParser
import Claims
import Foundation
import RuntimeSupport
import Settings

@main
struct ClaimCtl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "claimctl",
        abstract: "Manage the claims of a flash sale: schema, coupons, claims, queues, keys and invariants.",
        discussion: """
            Exit codes: 0 success, including an empty list; 1 failure; 2 nothing matched; 64 wrong usage.

            \((StoreSettings.all + [APIClient.url, APIClient.token]).help)
            """,
        subcommands: [
            Migrate.self, CouponCommand.self, ClaimCommand.self, DLQCommand.self, Status.self, LanesCommand.self,
            AuditCommand.self, RushCommand.self, KeyCommand.self, LogCommand.self, UserCommand.self,
        ])

    /// Runs a command. An error is printed in one sentence and ends the process with an exit code of the contract.
    static func main() async {
        Process.ignoreBrokenPipes()
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error as SettingError {
            error.exitProcess(program: "claimctl")
        } catch {
            guard let failure = Failure(error) else { exit(withError: error) }
            Terminal.note("claimctl: \(failure.message)")
            Foundation.exit(failure.code)
        }
    }
}
