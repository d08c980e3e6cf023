import ArgumentParser
import Foundation
import Shared

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
        let stores = try StoreSettings(reader)
        let broker = try AMQPConnection(anyOf: stores.brokers, heartbeat: 10, name: "claimctl audit")
        let lying = try QueueDepths(lanes: stores.lanes, broker)[Topology.deadQueue]
        if lying < audit.deadLettered {
            violations.append(
                Audit.Violation(
                    rule: "dead_lettered_lies_in_queue", subject: Topology.deadQueue,
                    detail: "\(audit.deadLettered) claims are dead_lettered, \(lying) messages lie in the queue"))
        }
        if output.json {
            try Output.document(
                Report(
                    violations: violations, coupons: audit.coupons, claims: audit.claims,
                    deadLettered: audit.deadLettered))
        } else {
            for violation in violations { Output.line("\(violation.rule): \(violation.subject): \(violation.detail)") }
            Output.line(
                "\(audit.coupons) coupons and \(audit.claims) claims checked, \(violations.count) violations")
        }
        if !violations.isEmpty { throw ExitCode(1) }
    }
}
