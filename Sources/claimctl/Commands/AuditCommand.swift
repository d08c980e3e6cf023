import ArgumentParser
import Audit
import Claims
import Foundation
import Postgres
import RuntimeSupport
import Settings

/// `claimctl audit`
struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Check the invariants over the raw rows and the queues; exit 1 names each violation.",
        discussion: """
            For every coupon amount - remaining_amount = rows in user_claims = rows in claims with status claimed; \
            nobody holds more than per_user_limit, as it was when they claimed; a user's slots of a coupon have no gap; \
            every held coupon belongs to its claim, and a cancelled claim holds none; every dead-lettered claim \
            lies in the dead-letter queue. All rows are read as of one moment.
            """)

    @OptionGroup var output: OutputOptions

    private struct Report: Encodable {
        let violations: [Audit.Violation]
        let coupons: Int
        let claims: Int
        let deadLettered: Int
        enum CodingKeys: String, CodingKey {
            case violations, coupons, claims
            case deadLettered = "dead_lettered"
        }
    }

    func run() throws {
        let reader = SettingReader()
        let connection = try PostgresConnection(
            try StoreSettings.databaseURL(reader), name: "claimctl audit",
            timeouts: .init(statement: .seconds(600), answer: .seconds(600)))
        let audit = try Audit(connection)
        var violations = audit.violations
        violations += try Self.missing(audit.deadLettered, try StoreSettings(reader), connection).map { id in
            Audit.Violation(
                rule: "dead_lettered_lies_in_queue", subject: id,
                detail: "the claim reads dead_lettered, but no message of it lies in \(Topology.deadQueue)")
        }
        if output.json {
            try Output.document(
                Report(
                    violations: violations, coupons: audit.coupons, claims: audit.claims,
                    deadLettered: audit.deadLettered.count))
        } else {
            for violation in violations { Output.line("\(violation.rule): \(violation.subject): \(violation.detail)") }
            Output.line(
                "\(audit.coupons) coupons and \(audit.claims) claims checked, \(violations.count) violations")
        }
        if !violations.isEmpty { throw ExitCode(1) }
    }

    /// The dead-lettered claims that have no message in the queue.
    ///
    /// A worker records a claim's death a moment before the message arrives there, and a replay takes the record away a
    /// moment after the message has gone, so what seems to be missing is looked for again.
    private static func missing(
        _ dead: Set<String>, _ stores: StoreSettings, _ connection: PostgresConnection
    ) throws -> [String] {
        var missing = dead
        for look in 0..<4 where !missing.isEmpty {
            if look > 0 { WakeSignal().wait(atMost: .seconds(1)) }
            missing.subtract(try DLQCommand.letters(stores).map(\.id))
            missing = try Audit.stillDead(missing, connection)
        }
        return missing.sorted()
    }
}
