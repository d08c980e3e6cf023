internal import Foundation
package import Redis
package import RuntimeSupport

/// The result of the last audit, by any program. Redis holds it for the metrics of ClaimAPI.
package struct LastAudit: Codable, Hashable, Sendable {
    /// What was checked. Each kind is stored on its own, because most audits do not look for lost claims.
    package enum Kind: Sendable {
        /// All rules; a violation is a rule that is broken.
        case rules
        /// The claims that Redis knows; a violation is a lost claim.
        case lostClaims

        fileprivate var key: String {
            switch self {
            case .rules: RedisKeys.audit
            case .lostClaims: RedisKeys.lostClaims
            }
        }
    }

    package var violations: Int
    package var endedAt: Timestamp

    enum CodingKeys: String, CodingKey {
        case violations
        case endedAt = "ended_at"
    }

    package init(violations: Int, endedAt: Timestamp) {
        self.violations = violations
        self.endedAt = endedAt
    }

    /// Looks up the last audit of a kind. Answer: nil if none is known.
    package static func lookUp(_ kind: Kind) -> RedisRequest<LastAudit?> {
        RedisRequest(command: ["GET", kind.key]) { reply in
            reply.string.flatMap { try? JSONDecoder().decode(LastAudit.self, from: Data($0.utf8)) }
        }
    }

    /// Stores the result. One of ``Kind/rules`` expires after a week, because it is out of date then. One of
    /// ``Kind/lostClaims`` does not expire: lost claims stay lost until they are repaired.
    package func storing(as kind: Kind) -> RedisRequest<Void> {
        guard let json = try? JSONEncoder().encode(self) else { preconditionFailure("an audit is always JSON") }
        let lifetime =
            switch kind {
            case .rules: ["EX", "604800"]
            case .lostClaims: [String]()
            }
        return RedisRequest([["SET", kind.key, String(decoding: json, as: UTF8.self)] + lifetime])
    }
}
