internal import Foundation
package import Redis
package import RuntimeSupport

/// The result of the last audit, by any program. Redis keeps it for the metrics of ClaimAPI.
package struct LastAudit: Codable, Hashable, Sendable {
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

    /// Looks up the last audit. Answer: nil if none is known.
    package static let lookUp = RedisRequest<LastAudit?>(command: ["GET", RedisKeys.audit]) { reply in
        reply.string.flatMap { try? JSONDecoder().decode(LastAudit.self, from: Data($0.utf8)) }
    }

    /// Stores the result for a week. An older audit is out of date.
    package var storing: RedisRequest<Void> {
        guard let json = try? JSONEncoder().encode(self) else { preconditionFailure("an audit is always JSON") }
        return RedisRequest([["SET", RedisKeys.audit, String(decoding: json, as: UTF8.self), "EX", "604800"]])
    }
}
