import Claims
import HTTPTypes
import Redis
import RuntimeSupport
import Synchronization

/// The limits that apply to one request, and their decision.
final class Quota: Sendable {
    private let limits: RateLimits
    private let buckets: [RateBucket]
    private let decision = Mutex<RateDecision?>(nil)

    init(_ limits: RateLimits, _ buckets: [RateBucket]) {
        self.limits = limits
        self.buckets = buckets
    }

    /// The headers of draft-ietf-httpapi-ratelimit-headers; none if the request was not charged.
    var fields: HTTPFields {
        guard let decision = decision.withLock({ $0 }), !decision.standings.isEmpty else { return [:] }
        return [
            .rateLimitPolicy: decision.standings.map { standing in
                "\"\(standing.policy.name)\";q=\(standing.policy.count);w=\(standing.policy.seconds)"
            }.joined(separator: ", "),
            .rateLimit: decision.standings.map { standing in
                "\"\(standing.policy.name)\";r=\(standing.remaining);t=\(standing.reset)"
            }.joined(separator: ", "),
        ]
    }

    /// Charges a request that is no claim.
    ///
    /// - Throws: ``Problem`` `rate_limited`.
    func charge() async throws(Problem) {
        guard !buckets.isEmpty else { return }
        try settle((try? await limits.redis.send(RateLimiter.charge(buckets)))?.decision ?? takeLocally(buckets))
    }

    // MARK: Claims

    /// Returns the request to Redis that charges a claim. It follows the one that notes the claim.
    func request(for claim: ClaimID, user: UserID, coupon: CouponName) -> RedisRequest<RateLimiter.Answer> {
        let pending = limits.configuration.pendingPerUser.map {
            RateLimiter.PendingLimit($0, user: user, coupon: coupon)
        }
        return RateLimiter.charge(buckets(for: user), for: claim, pending: pending)
    }

    /// Applies the answer to ``request(for:user:coupon:)``.
    ///
    /// - Parameter answer: nil if Redis could not be asked. Then only this process limits requests, and no replay is
    ///   recognized.
    /// - Throws: ``Problem`` `rate_limited` or `too_many_pending`.
    func settle(_ answer: RateLimiter.Answer?, user: UserID) throws(Problem) {
        try settle(answer?.decision ?? takeLocally(buckets(for: user)))
        guard let maximum = limits.configuration.pendingPerUser, answer?.hasTooManyPending == true else { return }
        limits.count("pending")
        throw .tooManyPending(maximum: maximum)
    }

    /// A claim counts toward the limit of its user, even if a service submits it.
    private func buckets(for user: UserID) -> [RateBucket] {
        guard let policy = limits.configuration.user else { return buckets }
        let own = RateBucket(policy, of: user.description)
        return buckets.contains(own) ? buckets : buckets + [own]
    }

    private func takeLocally(_ buckets: [RateBucket]) -> RateDecision {
        limits.local.take(buckets, now: WallClock.microseconds())
    }

    private func settle(_ decision: RateDecision) throws(Problem) {
        self.decision.withLock { $0 = decision }
        guard !decision.isAllowed else { return }
        for standing in decision.standings where standing.remaining == 0 { limits.count(standing.policy.name) }
        throw .rateLimited(retryAfter: decision.retryAfter)
    }
}

extension HTTPField.Name {
    // Well-formed tokens.
    static let rateLimit = Self("RateLimit")!
    static let rateLimitPolicy = Self("RateLimit-Policy")!
}
