import Claims

/// A claim or cancel to be decided, and the number of the attempt.
struct ClaimAttempt: Hashable, Sendable {
    let claim: ClaimMessage
    /// From 1.
    let number: Int
}
