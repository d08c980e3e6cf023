import Audit
import RuntimeSupport

/// The result of a rush and of the audit after it. Encodes as JSON.
struct RushReport: Encodable {
    let coupons: [String]
    let users: Int
    let available: Int
    let accepted: Int
    let claimed: Int
    let rejected: Int
    let acceptedSeconds: Double
    let seconds: Double
    let checkedCoupons: Int
    let checkedClaims: Int
    /// The problems, each in one sentence; empty if every rule holds.
    let problems: [String]

    var isRight: Bool { problems.isEmpty }

    private enum CodingKeys: String, CodingKey {
        case coupons, users, available, accepted, claimed, rejected, seconds, problems
        case acceptedSeconds = "accepted_seconds"
        case checkedCoupons = "audited_coupons"
        case checkedClaims = "audited_claims"
    }

    init(_ result: Rush.Result, _ audit: AuditReport) {
        self.init(
            result, violations: audit.violations.map { "\($0.rule): \($0.subject): \($0.detail)" },
            coupons: audit.coupons, claims: audit.claims)
    }

    init(_ result: Rush.Result, violations: [String], coupons checkedCoupons: Int, claims checkedClaims: Int) {
        coupons = result.coupons
        users = result.users
        available = result.available
        accepted = result.accepted
        claimed = result.outcomes["claimed"] ?? 0
        rejected = result.outcomes["rejected"] ?? 0
        acceptedSeconds = result.acceptedSeconds
        seconds = result.seconds
        self.checkedCoupons = checkedCoupons
        self.checkedClaims = checkedClaims
        let decided = result.outcomes.values.reduce(0, +)
        var problems = violations
        for (problem, count) in result.failures.sorted(by: { $0.key < $1.key }) {
            problems.append("\(count.counted("claim")) not accepted: \(problem)")
        }
        if decided < result.accepted {
            problems.append("\((result.accepted - decided).counted("accepted claim")) without an outcome")
        }
        // With refused claims, fewer users than coupons may be left.
        let expected = result.failures.isEmpty ? result.available : min(result.available, result.accepted)
        if claimed != expected { problems.append("\(claimed) of \(expected) coupons were given out") }
        if result.givenOut != claimed {
            problems.append("the quotas say that \(result.givenOut) were given out, the claims \(claimed)")
        }
        self.problems = problems
    }
}
