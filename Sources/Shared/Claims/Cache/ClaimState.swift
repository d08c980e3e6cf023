package import RuntimeSupport

/// A state of a claim with its version: its place in the order of all states of the claim.
///
/// A writer may be late by any time: a worker can be frozen between its commit and its write to Redis. So Redis keeps the
/// state with the greatest version, in the order of arrival for equal ones. Versions are ordered by rank, then by time.
///
/// | rank | statuses | time |
/// | --- | --- | --- |
/// | 0 | a request that was noted | when it was accepted |
/// | 1 | `pending`, `dead_lettered`, `discarded` | of the failed attempt, the replay, the death, the discard or the restore |
/// | 2 | `claimed`, `rejected` | of the decision |
/// | 3 | `cancelled` | of the cancel |
///
/// A claim never goes back to a lower rank, so a decision needs no clock. Within rank 1 it can go back and forth: it is
/// dead-lettered, replayed, dead-lettered again, discarded, restored. PostgreSQL's clock gives the time of each, except
/// of a failed attempt that is retried: that is the worker's. A wrong order can only keep a claim `pending` in Redis, and
/// a claim that is pending in Redis is looked up in PostgreSQL.
package struct ClaimState: Hashable, Sendable {
    /// The first part of a version.
    enum Rank: UInt8 {
        case noted = 0x30  // 0
        case undecided = 0x31  // 1
        case decided = 0x32  // 2
        case cancelled = 0x33  // 3
    }

    package let claim: Claim
    /// Orders states of one rank.
    package let time: Timestamp
    let rank: Rank

    /// - Parameter time: when the claim took this state; by default the time of its decision.
    package init(_ claim: Claim, at time: Timestamp? = nil) {
        let rank: Rank =
            switch claim.status {
            case .pending, .deadLettered, .discarded: .undecided
            case .claimed, .rejected: .decided
            case .cancelled: .cancelled
            }
        self.init(claim, at: time ?? claim.decidedAt ?? Timestamp(milliseconds: 0), rank: rank)
    }

    init(_ claim: Claim, at time: Timestamp, rank: Rank) {
        self.claim = claim
        self.time = time
        self.rank = rank
    }
}
