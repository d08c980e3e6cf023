/// The keys and channels in Redis.
package enum RedisKeys {
    /// A string: the lock of a coupon. Its name is part of the contract.
    package static func lock(of coupon: CouponName) -> String { "claim:coupon:\(coupon)" }
    /// A string: the request and the state of a claim, see ``ClaimCache``. One key per claim, so it is short: the part of
    /// the id that is derived from the user and the idempotency key, without its proof.
    package static func claim(_ id: ClaimID) -> String { claimPrefix + id.digest }
    static let claimPrefix = "c:"
    /// A hash: the progress and the throughput of a lane, see ``LaneQueue``.
    package static func lane(_ lane: Int) -> String { "claims:lane:\(lane)" }
    /// A counter: how many times a worker started to process this message alone and did not finish.
    package static func strikes(of messageID: String) -> String { "claims:suspect:\(messageID)" }
    /// A string that expires at once: written to find out whether Redis takes writes.
    package static let probe = "claims:probe"
    /// A string: the status of a live worker. It expires soon after the worker's last heartbeat.
    package static func heartbeat(of worker: String) -> String { "claims:life:\(worker)" }
    /// A string: a worker's metrics at its last heartbeat.
    package static func metrics(of worker: String) -> String { "claims:metrics:\(worker)" }
    /// A sorted set: the workers, scored by the time of their last heartbeat.
    package static let workers = "claims:workers"
    /// A number: when the token bucket of a user, key or address is full, see ``RateLimiter``. It expires then.
    package static func rate(_ policy: String, _ owner: String) -> String { "claims:rate:\(policy):\(owner)" }
    /// A set: the keys of a user's claims for a coupon that were pending when they were last looked at.
    package static func pending(_ user: UserID, _ coupon: CouponName) -> String { "claims:pending:\(coupon):\(user)" }
    /// A string: a job that an operator started, as JSON, for a day.
    package static func job(_ id: String, of kind: String) -> String { "claims:job:\(kind):\(id)" }
    /// A string: the result of the last audit, see ``LastAudit``.
    package static let audit = "claims:audit"
    /// A string: the number of lost claims that the last comparison with the broker has found, see ``LastAudit``.
    package static let lostClaims = "claims:lost"
    /// A channel: the ids of claims whose state has changed, separated by spaces.
    package static let changes = "claims:changes"
}
