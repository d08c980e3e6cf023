import Claims
import RuntimeSupport

/// Limits refused tokens per address, so that a client cannot overload the API with signature checks.
///
/// Known keys and cached tokens are still accepted, because several clients may share the address.
struct FailureLimit: Sendable {
    private let policy: RatePolicy?
    private let buckets = LocalBuckets()

    /// - Parameter policy: nil for no limit.
    init(_ policy: RatePolicy?) {
        self.policy = policy
    }

    /// Returns whether another token from the address may be checked.
    func mayTry(_ address: String) -> Bool {
        guard let policy else { return true }
        return buckets.look([RateBucket(policy, of: address)], now: WallClock.microseconds()).isAllowed
    }

    /// Notes a refused token.
    ///
    /// - Returns: whether the address is within its limit.
    func note(_ address: String) -> Bool {
        guard let policy else { return true }
        return buckets.take([RateBucket(policy, of: address)], now: WallClock.microseconds()).isAllowed
    }

    /// Returns the seconds until the address may try again.
    func retryAfter(_ address: String) -> Int {
        guard let policy else { return 0 }
        return buckets.look([RateBucket(policy, of: address)], now: WallClock.microseconds()).retryAfter
    }
}
