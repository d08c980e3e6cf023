package import Claims
package import RuntimeSupport

/// The outcome of a claim whose message was sent back to its lane.
package enum ReplayOutcome: Hashable, Sendable {
    /// The claim was decided by this replay, or cancelled if the message asks for that.
    case decidedAnew(ClaimStatus)
    /// The claim already had its outcome, so the message was dropped as a duplicate.
    case decidedBefore
    /// The message is in the dead-letter queue again.
    case failedAgain
    /// The outcome is not known yet.
    case pending

    /// - Parameters:
    ///   - row: the claim's present row; nil if it has none.
    ///   - sent: the claim as it was when its message was sent.
    init(_ row: Claim?, sent: SentClaim) {
        switch row?.status {
        case nil, .pending: self = .pending
        case .deadLettered:
            // A row from before the replay is about to be deleted.
            self = (row?.decidedAt).map { $0 > sent.at } == true ? .failedAgain : .pending
        case .claimed where sent.isCancel: self = .pending
        case .claimed, .rejected, .cancelled, .discarded:
            let status = row?.status ?? .pending
            self = sent.wasDecided ? .decidedBefore : .decidedAnew(status)
        }
    }

    /// The outcome in one word: a claim's status, or `decided_before`.
    package var word: String {
        switch self {
        case .decidedAnew(let status): status.rawValue
        case .decidedBefore: "decided_before"
        case .failedAgain: ClaimStatus.deadLettered.rawValue
        case .pending: ClaimStatus.pending.rawValue
        }
    }
}

/// A claim whose message was sent back to its lane.
package struct SentClaim: Hashable, Sendable {
    package let id: ClaimID
    /// When it was sent, by the database's clock.
    package let at: Timestamp
    /// Whether the claim had its outcome before.
    package let wasDecided: Bool
    /// Whether the message asks to cancel the claim.
    package var isCancel = false
}

extension SentClaim {
    /// - Parameter status: the claim's status before; nil if it had no row.
    init(id: ClaimID, at time: Timestamp, status: ClaimStatus?, isCancel: Bool) {
        let isOpen =
            switch status {
            case nil, .pending, .deadLettered: true
            case .discarded: !isCancel
            case .claimed: isCancel
            case .rejected, .cancelled: false
            }
        self.init(id: id, at: time, wasDecided: !isOpen, isCancel: isCancel)
    }

    /// Whether a worker carries out a cancel of a claim with this status, or finds that nothing is to be done. It drops
    /// the cancel of a claim that is not decided yet.
    ///
    /// - Parameter status: nil if the claim has no row.
    static func canCancel(_ status: ClaimStatus?) -> Bool {
        switch status {
        case nil, .pending, .deadLettered: false
        case .claimed, .rejected, .cancelled, .discarded: true
        }
    }
}
