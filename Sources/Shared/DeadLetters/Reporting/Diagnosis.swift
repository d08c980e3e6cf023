package import Claims
internal import RuntimeSupport

/// Whether a replay of a dead letter would help now, and why.
package struct Diagnosis: Hashable, Sendable {
    /// The state of a coupon's lock.
    package enum LockState: Hashable, Sendable {
        case unlocked
        /// A live worker, which releases the lock soon.
        case liveWorker(String)
        /// A dead worker, whose lock any worker takes over.
        case deadWorker(String)
        /// Not a worker. The time is what is left of the lock; nil if the lock does not expire.
        case other(String, millisecondsLeft: Int64?)
    }

    /// What the stores know; nil for what a store that can't be reached would know.
    package struct Circumstances: Sendable {
        /// The inner value is nil if the claim has no row.
        package var claim: Claim??
        package var couponExists: Bool?
        package var lock: LockState?
        package var liveWorkers: Int?
    }

    /// The advice in one word.
    package enum Verdict: String, Encodable, Sendable {
        /// A replay may succeed.
        case mayHelp = "may_help"
        /// A replay would fail again, or have no effect.
        case useless
        /// A replay can succeed after something else is fixed.
        case notYet = "not_yet"
        /// A store that must be asked can't be reached.
        case unknown
    }

    package let replay: Verdict
    /// The advice in one sentence.
    package let text: String

    init(_ letter: DeadLetter, _ known: Circumstances) {
        (replay, text) = Self.judge(letter, known)
    }

    private static func judge(_ letter: DeadLetter, _ known: Circumstances) -> (Verdict, String) {
        if letter.claims > 1 {
            return (
                .useless,
                "a worker has put each of its \(letter.claims) claims into the queue as a message of its own; "
                    + "replay or discard those, and discard this one"
            )
        }
        if case .failure(let error) = letter.content {
            return (
                .useless, "the body can't be read: \(error.detail); replace it with claimctl dlq edit, or discard it"
            )
        }
        if case .some(.some(let claim)) = known.claim, claim.status != .deadLettered, claim.status != .discarded,
            !(letter.isCancel && claim.status == .claimed)
        {
            let outcome = [claim.status.rawValue, claim.reason].compactMap(\.self).joined(separator: ", ")
            return (
                .useless, "the claim is decided already (\(outcome)), so a replay has no effect; discard the message"
            )
        }
        if letter.isCancel, let claim = known.claim, !SentClaim.canCancel(claim?.status) {
            return (
                .notYet, "the claim has no outcome yet, so a cancel has no effect; replay the claim's message first"
            )
        }
        if known.couponExists == false {
            return (
                .notYet,
                "there is no coupon \(letter.couponName ?? "-"); a replay would be rejected as coupon_not_found"
            )
        }
        switch known.lock {
        case .other(let value, let left):
            let time = left.map { "for another \(TimeSpan.text(Int($0 / 1000) + 1))" } ?? "without expiry"
            return (
                .notYet,
                "the coupon's lock is held \(time) by \(value.printable), which is not a worker; "
                    + "a replay would fail with lock_held"
            )
        case .unlocked, .liveWorker, .deadWorker, nil: break
        }
        if known.liveWorkers == 0 { return (.notYet, "no worker is alive; a replay would wait for one") }
        guard known.claim != nil, known.couponExists != nil, known.lock != nil else {
            return (.unknown, "not all stores can be reached, so there is no advice")
        }
        return (.mayHelp, "no obstacle to a replay was found")
    }
}
