package import Redis
package import RuntimeSupport

/// What Redis remembers of a claim: a hash with the request, whether it was accepted, and its current state.
///
/// ```
/// claims:claim:<id>   request        the claim as first requested      written before the publish, never changed
///                     accepted       1                                 written after the publisher confirm
///                     status, …      the current state                 written by workers, all fields at once
///                     cancelled      the time of cancellation          written by workers, never removed
/// ```
/// A cancelled claim stays cancelled: a worker that was frozen after it decided the claim may write that outcome long
/// after another worker has cancelled it. A request without `accepted` may have been lost on its way, so it is published
/// again. Each hash lives ``lifetime`` from its last write. Losing it costs a look-up in PostgreSQL, nothing else.
package enum ClaimCache {
    /// Seconds that a claim and its idempotency key are remembered: 25 hours, one more than the contract promises.
    package static let lifetime = 25 * 3600

    private static let request = "request"
    private static let accepted = "accepted"
    private static let cancelled = "cancelled"
    private static let state = [
        "status", "reason", "user_id", "coupon_name", "attempts", "created_at", "decided_at",
    ]

    /// What Redis remembers of one claim.
    package struct Entry: Hashable, Sendable {
        /// The claim as first requested, pending.
        package var request: Claim?
        /// Whether the broker has confirmed it: an API process marked it, or a worker has received it.
        package var isAccepted: Bool
        /// The state that a worker stored last; nil before the first attempt.
        package var state: Claim?

        /// The latest known state; nil if none is known.
        package var claim: Claim? { state ?? request }
    }

    // MARK: Accepting

    /// Remembers a request before it is published, unless one with this id is remembered already.
    ///
    /// Answer: whether this is the first request with this id.
    package static func note(_ message: ClaimMessage) -> RedisRequest<Bool> {
        let key = RedisKeys.claim(message.id)
        // The user's id comes last: it is the only part that may contain a space.
        let text = "\(message.createdAt.milliseconds) \(message.couponName) \(message.userID)"
        return RedisRequest([["HSETNX", key, request, text], expiry(key)]) { $0.first?.integer != 0 }
    }

    /// Marks a request as accepted: the broker has confirmed it.
    ///
    /// Answer: whether it is the first confirmed request with this id.
    package static func accept(_ id: ClaimID) -> RedisRequest<Bool> {
        // The worker that gets the claim renews the lifetime, even if everything was wiped since the request was noted.
        RedisRequest(command: ["HSETNX", RedisKeys.claim(id), accepted, "1"]) { $0.integer != 0 }
    }

    // MARK: Results

    /// Stores the current state of a claim.
    package static func store(_ claim: Claim) -> RedisRequest<Void> {
        let key = RedisKeys.claim(claim.id)
        let values = [
            claim.status.rawValue, claim.reason ?? "", claim.userID?.description ?? "",
            claim.couponName?.description ?? "", String(claim.attempts),
            claim.createdAt.map { String($0.milliseconds) } ?? "",
            claim.decidedAt.map { String($0.milliseconds) } ?? "",
        ]
        let cancelling =
            claim.status == .cancelled ? [cancelled, claim.decidedAt.map { String($0.milliseconds) } ?? ""] : []
        return RedisRequest([["HSET", key] + zip(state, values).flatMap { [$0, $1] } + cancelling, expiry(key)])
    }

    /// Stores claims and wakes the requests that wait for them.
    package static func publish(_ claims: [Claim]) -> RedisRequest<Void> {
        claims.isEmpty ? RedisRequest([]) : .all(claims.map(store) + [announce(claims.map(\.id))])
    }

    /// Makes a dead-lettered claim pending again, unless it was dead-lettered anew after `time` or decided since.
    package static func reopen(_ id: ClaimID, diedUntil time: Timestamp) -> RedisRequest<Void> {
        RedisRequest([["EVAL", reopenScript, "1", RedisKeys.claim(id), String(time.milliseconds)]])
    }

    private static let reopenScript = """
        local state = redis.call('HMGET', KEYS[1], 'status', 'decided_at')
        if state[1] == 'dead_lettered' and (tonumber(state[2]) or 0) <= tonumber(ARGV[1]) then
          redis.call('HSET', KEYS[1], 'status', 'pending', 'reason', '', 'attempts', '0', 'decided_at', '')
          return 1
        end
        return 0
        """

    /// Looks up a claim. Answer: nil if nothing is remembered of it.
    package static func lookUp(_ id: ClaimID) -> RedisRequest<Entry?> {
        RedisRequest(command: ["HMGET", RedisKeys.claim(id), request, accepted, cancelled] + state) {
            entry($0, of: id)
        }
    }

    private static func entry(_ reply: RedisReply, of id: ClaimID) -> Entry? {
        guard let fields = reply.array?.map(\.string), fields.count == state.count + 3 else { return nil }
        var present = readState(fields.dropFirst(3).map { $0 ?? "" }, of: id)
        if let cancelled = fields[2] {
            present?.status = .cancelled
            present?.reason = nil
            present?.decidedAt = Int64(cancelled).map(Timestamp.init)
        }
        let entry = Entry(
            request: fields[0].flatMap { readRequest($0, of: id) }, isAccepted: fields[1] != nil || present != nil,
            state: present)
        return entry.claim == nil && !entry.isAccepted ? nil : entry
    }

    private static func readRequest(_ text: String, of id: ClaimID) -> Claim? {
        let parts = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let milliseconds = Int64(parts[0]) else { return nil }
        return Claim(
            id: id, userID: UserID(parts[2]), couponName: CouponName(parts[1]),
            createdAt: Timestamp(milliseconds: milliseconds))
    }

    private static func readState(_ values: [String], of id: ClaimID) -> Claim? {
        guard let status = ClaimStatus(rawValue: values[0]), let attempts = Int(values[4]) else { return nil }
        return Claim(
            id: id, status: status, reason: values[1].isEmpty ? nil : values[1], userID: UserID(values[2]),
            couponName: CouponName(values[3]), attempts: attempts,
            createdAt: Int64(values[5]).map(Timestamp.init), decidedAt: Int64(values[6]).map(Timestamp.init))
    }

    private static func expiry(_ key: String) -> RedisCommand {
        ["EXPIRE", key, String(lifetime)]
    }
}
