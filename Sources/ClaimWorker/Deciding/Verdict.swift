import Claims

/// What an attempt at a claim or cancel resulted in.
enum Verdict: Hashable, Sendable {
    /// - Parameter wasDecidedBefore: whether the claim had this outcome before the attempt.
    case decided(Claim, wasDecidedBefore: Bool)
    /// A cancel of a claim that was never decided.
    case nothingToCancel
    /// Another session has locked the coupon's row.
    case couponLocked
    case failed(FailureCode, message: String)
}
