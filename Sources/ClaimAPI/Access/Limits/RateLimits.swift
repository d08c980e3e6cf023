import Claims
import Metrics
import Redis

/// The limits of how often users, services and addresses may send requests.
struct RateLimits: Sendable {
    /// The configured limits. Each is off unless set.
    struct Configuration: Hashable, Sendable {
        var user: RatePolicy?
        var key: RatePolicy?
        var address: RatePolicy?
        /// The most pending claims of a user for a coupon.
        var pendingPerUser: Int?

        var isEmpty: Bool { user == nil && key == nil && address == nil && pendingPerUser == nil }
    }

    let configuration: Configuration
    let redis: RedisClient
    /// For as long as Redis is away.
    let local = LocalBuckets()
    private let refusals = ["user", "key", "address", "pending"].reduce(into: [String: Counter]()) { counters, name in
        counters[name] = Counter(label: "claims.rate.limited", dimensions: [("limit", name)])
    }

    /// - Returns: nil if no limit is set.
    init?(_ configuration: Configuration, redis: RedisClient) {
        guard !configuration.isEmpty else { return nil }
        self.configuration = configuration
        self.redis = redis
    }

    /// Returns the limits that a request counts for.
    func quota(of context: APIContext) -> Quota {
        var buckets: [RateBucket] = []
        if let policy = configuration.address { buckets.append(RateBucket(policy, of: context.address)) }
        switch context.caller {
        case .user(let user):
            if let policy = configuration.user { buckets.append(RateBucket(policy, of: user.description)) }
        case .service(let service):
            if let policy = configuration.key { buckets.append(RateBucket(policy, of: service.id)) }
        case .anyone, .ticket:
            break
        }
        return Quota(self, buckets)
    }

    func count(_ limit: String) {
        refusals[limit]?.increment()
    }
}
