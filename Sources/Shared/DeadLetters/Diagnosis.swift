internal import Claims

/// Whether sending a dead letter back would help now, and why.
///
/// Pure: what is known of the stores is given to it.
struct Diagnosis: Hashable, Sendable {
    /// Who holds a coupon's lock.
    enum Holder: Hashable, Sendable {
        case nobody
        /// It gives the lock back soon.
        case livingWorker(String)
        /// Its lock is taken over by whoever wants it.
        case deadWorker(String)
        /// Not a worker of this system; the time is what the lock has left, nil for ever.
        case stranger(String, millisecondsLeft: Int64?)
    }

    /// What is known; nil where the store that knows it can't be reached.
    struct Circumstances: Sendable {
        /// Nil in it if the claim has no row.
        var claim: Claim??
        var couponExists: Bool?
        var holder: Holder?
        var livingWorkers: Int?
    }

    enum Verdict: String, Encodable, Sendable {
        /// Nothing that can be seen speaks against it.
        case mayHelp = "may_help"
        /// It would come back, or change nothing.
        case useless
        /// Something has to be put right first.
        case notYet = "not_yet"
        /// A store that has to be asked can't be reached.
        case unknown
    }

    let replay: Verdict
    /// One sentence for the operator.
    let text: String

    init(_ letter: DeadLetter, _ known: Circumstances) {
        (replay, text) = Self.judge(letter, known)
    }

    private static func judge(_ letter: DeadLetter, _ known: Circumstances) -> (Verdict, String) {
        if case .failure(let error) = letter.content {
            return (.useless, "the body can't be read: \(error.detail); mend it with claimctl dlq edit, or discard it")
        }
        if case .some(.some(let claim)) = known.claim, claim.status != .deadLettered, claim.status != .discarded,
            !(letter.isCancel && claim.status == .claimed)
        {
            let outcome = [claim.status.rawValue, claim.reason].compactMap(\.self).joined(separator: ", ")
            return (.useless, "the claim is decided already (\(outcome)); a replay would be swallowed, so discard it")
        }
        if known.couponExists == false {
            return (
                .notYet,
                "there is no coupon \(letter.couponName ?? "-"); a replay would be rejected as coupon_not_found"
            )
        }
        switch known.holder {
        case .stranger(let value, let left):
            let time = left.map { "for \(TimeSpan.text(Int($0 / 1000) + 1)) more" } ?? "for ever"
            return (
                .notYet,
                "the coupon's lock is held \(time) by \(Terminal.harmless(value)), which is no worker; "
                    + "a replay would fail with lock_held"
            )
        case .nobody, .livingWorker, .deadWorker, nil: break
        }
        if known.livingWorkers == 0 { return (.notYet, "no worker lives; a replay would wait until one does") }
        guard known.claim != nil, known.couponExists != nil, known.holder != nil else {
            return (.unknown, "not every store could be asked, so nothing can be said")
        }
        return (.mayHelp, "nothing that can be seen here speaks against a replay")
    }
}
