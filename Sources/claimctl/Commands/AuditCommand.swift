import ArgumentParser
import Audit
import DeadLetters
import RuntimeSupport

/// `claimctl audit`
struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Check the invariants over the raw rows and the dead-letter queue; exit 1 if one is violated.",
        discussion: """
            For every coupon, amount - remaining_amount = rows in user_claims = rows in claims with status claimed. No \
            user holds more than the highest per_user_limit that the coupon has had. A user's slots of a coupon have no \
            gap. Every held coupon belongs to its claim, and a cancelled claim holds none. Every dead-lettered claim \
            has a message in the dead-letter queue. All rows are read in one snapshot.
            """)

    @OptionGroup var output: OutputOptions

    func run() throws {
        let session = try OperatorSession.atTerminal("claimctl audit")
        let report = try AuditReport(session)
        report.store(session)
        if output.json {
            try Output.document(report)
        } else {
            for violation in report.violations {
                Output.line("\(violation.rule): \(violation.subject): \(violation.detail)".printable)
            }
            Output.line(
                "\(report.coupons.counted("coupon")) and \(report.claims.counted("claim")) checked, "
                    + report.violations.count.counted("violation"))
        }
        if !report.violations.isEmpty { throw ExitCode(1) }
    }
}
