import ArgumentParser
import Audit
import Claims
import DeadLetters
import RuntimeSupport
import Settings

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

            --against-broker finds claims that were accepted and that PostgreSQL has lost, for example after a failover \
            to a replica that was behind, or after a restore. It compares each claim that Redis knows with its row. A \
            claim without a row is waiting if it may be in RabbitMQ: its lane or a delay queue is not empty, or it has a \
            message in the dead-letter queue. Otherwise it is lost. Run it again when all lanes are empty, because a \
            lost claim that is pending counts as waiting until then. A claim that a frozen worker holds looks lost for \
            some seconds.
            What it can know: Redis keeps a claim for 25 hours after its last change. A Redis that was wiped, or that \
            has evicted claims, does not know them. The output tells when the oldest known claim was accepted.

            A request with the key of a lost claim is answered from Redis, and decides nothing. --requeue publishes the \
            lost claims again with their ids: first the cancelled ones, then those that were claimed, then the others. A \
            lost claim that clients know as claimed may now be rejected: other users may have got the last coupons. So \
            --requeue refuses while fewer coupons are left than were promised. Raise the amounts first, with claimctl coupon set. A claim that was not \
            lost takes no second coupon: a claim is decided once. The exit status of --requeue is 1, because the report \
            names the claims; check with another audit.

            \([ClaimIDIssuer.setting].help)
              Only for --against-broker: Redis remembers a part of each id.
            """)

    @Flag(name: .long, help: "Also compare the claims that Redis knows with PostgreSQL and RabbitMQ.")
    var againstBroker = false

    @Flag(name: .long, help: "Publish lost claims again. Needs --against-broker.")
    var requeue = false

    @Flag(name: .long, help: "With --requeue: publish them although fewer coupons are left than were promised.")
    var acceptShortage = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if requeue, !againstBroker { throw ValidationError("--requeue needs --against-broker") }
        if acceptShortage, !requeue { throw ValidationError("--accept-shortage needs --requeue") }
    }

    func run() throws {
        let session = try OperatorSession.atTerminal("claimctl audit")
        let accepted = againstBroker ? try compare(session) : nil
        let report = try AuditReport(session, accepted: accepted)
        report.store(session)
        if output.json {
            try Output.document(report)
        } else {
            show(report)
        }
        if requeue, let accepted, accepted.requeued == nil {
            throw Failure.failed(
                "nothing was published, because \(accepted.shortage.counted("promised coupon")) are missing; raise the "
                    + "amounts with claimctl coupon set, or pass --accept-shortage")
        }
        if !report.violations.isEmpty { throw ExitCode(1) }
    }

    private func compare(_ session: OperatorSession) throws -> AcceptedClaims {
        let issuer = ClaimIDIssuer(secrets: try ClaimIDIssuer.secrets(SettingReader()))
        var accepted = try AcceptedClaims(session, issuer: issuer)
        if requeue, acceptShortage || accepted.shortage == 0 { accepted.requeued = try accepted.requeue(session) }
        return accepted
    }

    private func show(_ report: AuditReport) {
        for violation in report.violations {
            Output.line("\(violation.rule): \(violation.subject): \(violation.detail)".printable)
        }
        Output.line(
            "\(report.coupons.counted("coupon")) and \(report.claims.counted("claim")) checked, "
                + report.violations.count.counted("violation"))
        guard let accepted = report.againstBroker else { return }
        let since = accepted.knownSince.map { ", the oldest of \($0)" } ?? ""
        Output.line(
            "\(accepted.known.counted("accepted claim")) in Redis\(since): \(accepted.waiting) waiting, "
                + "\(accepted.lostCount) lost")
        if let requeued = accepted.requeued {
            Output.line("\(requeued.counted("lost claim")) published again")
        } else if accepted.repairable > 0, !requeue {
            Output.line("publish them again with: claimctl audit --against-broker --requeue")
        }
    }
}
