import ArgumentParser
import Audit
import DeadLetters
import Foundation
import RuntimeSupport
import Settings

/// `claimctl rush`
struct RushCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rush",
        abstract: "Let many users claim a few coupons at the same time, and check what the system has done.",
        discussion: """
            Creates a coupon, sends one claim for each user through ClaimAPI, waits for all outcomes, and audits all \
            rows. The coupon and its claims stay.

            Example: claimctl rush --users 10000 --amount 100
            """)

    @Option(name: .long, help: "The number of users; each sends one claim.")
    var users = 10_000

    @Option(name: .long, help: "The number of coupons that they can get.")
    var amount = 100

    @Option(
        name: .long, help: "The number of different coupons, each with the amount. Users choose one after the other.")
    var coupons = 1

    @Option(name: .long, help: "The number of requests at the same time.")
    var connections = 64

    @OptionGroup var output: OutputOptions

    func run() async throws {
        guard (1...1_000_000).contains(users) else { throw Failure.usage("--users must be from 1 to 1000000") }
        guard (0...1_000_000).contains(amount) else { throw Failure.usage("--amount must be from 0 to 1000000") }
        guard (1...1000).contains(coupons) else { throw Failure.usage("--coupons must be from 1 to 1000") }
        guard (1...1000).contains(connections) else { throw Failure.usage("--connections must be from 1 to 1000") }
        let api = try APIClient(SettingReader())
        let session = try OperatorSession.atTerminal("claimctl rush")
        let client = RushClient(api, connections: connections)
        let bar = RushBar(users: users)
        let rush = Rush(
            client: client, users: users, amount: amount, coupons: coupons, parallel: connections, bar: bar)
        let result: Rush.Result
        do {
            result = try await rush.run()
        } catch {
            await client.close()
            throw error
        }
        await client.close()
        bar.end()
        let audit = try AuditReport(session)
        let report = RushReport(result, audit)
        if output.json { try Output.document(report) } else { show(report) }
        if !report.isRight { throw ExitCode(1) }
    }

    private func show(_ report: RushReport) {
        Output.fields([
            ("coupon", report.coupons.joined(separator: " ")),
            ("users", "\(report.users)"),
            ("accepted", "\(report.accepted) in \(report.acceptedSeconds) s"),
            ("claimed", "\(report.claimed) of \(report.available)"),
            ("rejected", "\(report.rejected)"),
            (
                "decided",
                "after \(report.seconds) s, \(Int(Double(report.users) / max(0.001, report.seconds))) per second"
            ),
        ])
        for problem in report.problems { Output.line("wrong: \(problem)".printable) }
        let audited = "\(report.checkedCoupons.counted("coupon")) and \(report.checkedClaims.counted("claim")) audited"
        Output.line(
            report.isRight ? "Correct: \(audited), no violation" : "Wrong: \(report.problems.count.counted("problem"))")
    }
}
