/// How often something may be done: a token bucket that holds `count` tokens and is filled again in `seconds`.
package struct RatePolicy: Hashable, Sendable {
    /// The name in `RateLimit-Policy`, and what the limit is for: `user`, `key` or `address`.
    package let name: String
    package let count: Int
    package let seconds: Int

    /// The most tokens.
    package static let largestCount = 1_000_000
    /// The longest time to fill a bucket: one day.
    package static let longest = 86_400

    package init(name: String, count: Int, seconds: Int) {
        self.name = name
        self.count = count
        self.seconds = seconds
    }

    /// Parses `COUNT/SECONDS`; nil if the text has another form or a number is out of range.
    package init?(_ text: String, name: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let count = Int(parts[0]), let seconds = Int(parts[1]),
            (1...Self.largestCount).contains(count), (1...Self.longest).contains(seconds)
        else { return nil }
        self.init(name: name, count: count, seconds: seconds)
    }

    /// What a setting of this form must be, as the end of a sentence.
    package static let rule =
        "COUNT/SECONDS, such as 100/60, with COUNT from 1 to \(largestCount) and SECONDS from 1 to \(longest)"

    /// Microseconds until one token is added.
    package var interval: Int64 { max(1, Int64(seconds) * 1_000_000 / Int64(count)) }
    /// The debt of an empty bucket: microseconds until it is full.
    package var capacity: Int64 { interval * Int64(count) }
}

/// The bucket of one user, key or address.
package struct RateBucket: Hashable, Sendable {
    package let policy: RatePolicy
    /// The user, the key or the address.
    package let owner: String

    package init(_ policy: RatePolicy, of owner: String) {
        self.policy = policy
        self.owner = owner
    }
}

/// Whether a request is within its limits, and what is left of them.
///
/// The algorithm is the generic cell rate algorithm. A bucket is one number, the time at which it is full again. Its
/// *debt* is the time until then.
package struct RateDecision: Hashable, Sendable {
    /// The state of one bucket after the decision.
    package struct Standing: Hashable, Sendable {
        package let policy: RatePolicy
        /// Tokens that are left.
        package let remaining: Int
        /// Seconds until the bucket is full.
        package let reset: Int
    }

    package let isAllowed: Bool
    package let standings: [Standing]
    /// Seconds until the request may be sent again; 0 if it is allowed.
    package let retryAfter: Int

    /// Decides about a request that takes one token of each bucket, or of none if one of them is empty.
    ///
    /// - Parameters:
    ///   - debts: of the buckets before the request, in microseconds.
    ///   - isFree: whether the request takes no token and is always allowed.
    package init(_ policies: [RatePolicy], debts: [Int64], isFree: Bool = false) {
        let waits = zip(policies, debts).map { policy, debt in debt + policy.interval - policy.capacity }
        let wait = isFree ? 0 : waits.max() ?? 0
        let isAllowed = wait <= 0
        self.isAllowed = isAllowed
        retryAfter = isAllowed ? 0 : Self.seconds(wait)
        standings = zip(policies, debts).map { policy, debt in
            let after = isAllowed && !isFree ? debt + policy.interval : debt
            return Standing(
                policy: policy, remaining: Int(max(0, policy.capacity - after) / policy.interval),
                reset: Self.seconds(after))
        }
    }

    private static func seconds(_ microseconds: Int64) -> Int {
        Int((microseconds + 999_999) / 1_000_000)
    }
}
