/// What Redis remembers of a claim: a hash with the request, whether it was accepted, and its present state.
///
/// ```
/// claims:claim:<id>   request        the claim as it was first asked for     written before the publish, never changed
///                     accepted       1                                       written after the publisher confirm
///                     status, …      the claim as it stands now              written by workers, all at once
///                     cancelled      when the claim was cancelled            written by workers, never taken away
/// ```
/// A cancelled claim stays cancelled whatever else is written: a worker that was frozen after it had decided the claim
/// may write that down long after another worker has cancelled it.
/// Seen is not accepted: a request without `accepted` may have been lost on its way and is published again.
/// Each hash lives ``lifetime`` from its last writing. Wiping it costs look-ups in PostgreSQL, nothing else.
package enum ClaimCache {
    /// Seconds that a claim is remembered, and with it its idempotency key: 25 hours, one more than is promised.
    package static let lifetime = 25 * 3600

    private static let request = "request"
    private static let accepted = "accepted"
    private static let cancelled = "cancelled"
    private static let state = [
        "status", "reason", "user_id", "coupon_name", "attempts", "created_at", "decided_at",
    ]

    /// What was remembered of a claim.
    package struct Entry: Hashable, Sendable {
        /// The claim as it was first asked for, pending.
        package var request: Claim?
        /// Whether the broker has confirmed it, as an API process noted or as the worker that got it proves.
        package var isAccepted: Bool
        /// The claim as a worker last left it; nil before a worker had it.
        package var state: Claim?

        /// The latest that is known; nil if nothing is.
        package var claim: Claim? { state ?? request }
    }

    // MARK: On the way in

    /// Notes a request before it is published, unless one with this id was noted before. Answer: ``wasFirst(_:)``.
    package static func note(_ message: ClaimMessage) -> [RedisCommand] {
        let key = RedisKeys.claim(message.id)
        // The user's id comes last, since it is the one part that may hold a space.
        let text = "\(message.createdAt.milliseconds) \(message.couponName) \(message.userID)"
        return [["HSETNX", key, request, text], expiry(key)]
    }

    /// Whether ``note(_:)`` met the first request with this id.
    package static func wasFirst(_ replies: [RedisReply]) -> Bool {
        replies.first?.integer != 0
    }

    /// Notes that the broker has confirmed the claim. Answer: ``wasFirst(_:)``, of all requests that were confirmed.
    package static func accept(_ id: ClaimID) -> [RedisCommand] {
        // The worker that gets it sets its lifetime anew, even if everything was wiped since it was noted.
        [["HSETNX", RedisKeys.claim(id), accepted, "1"]]
    }

    // MARK: On the way out

    /// Notes the claim as it now stands.
    package static func settle(_ claim: Claim) -> [RedisCommand] {
        let key = RedisKeys.claim(claim.id)
        let values = [
            claim.status.rawValue, claim.reason ?? "", claim.userID?.description ?? "",
            claim.couponName?.description ?? "", String(claim.attempts),
            claim.createdAt.map { String($0.milliseconds) } ?? "",
            claim.decidedAt.map { String($0.milliseconds) } ?? "",
        ]
        let cancelling =
            claim.status == .cancelled ? [cancelled, claim.decidedAt.map { String($0.milliseconds) } ?? ""] : []
        return [["HSET", key] + zip(state, values).flatMap { [$0, $1] } + cancelling, expiry(key)]
    }

    /// Notes that a dead-lettered claim is pending again, unless it died anew after `time` or was decided since.
    package static func reopen(_ id: ClaimID, diedUntil time: Timestamp) -> RedisCommand {
        ["EVAL", reopenScript, "1", RedisKeys.claim(id), String(time.milliseconds)]
    }

    private static let reopenScript = """
        local state = redis.call('HMGET', KEYS[1], 'status', 'decided_at')
        if state[1] == 'dead_lettered' and (tonumber(state[2]) or 0) <= tonumber(ARGV[1]) then
          redis.call('HSET', KEYS[1], 'status', 'pending', 'reason', '', 'attempts', '0', 'decided_at', '')
          return 1
        end
        return 0
        """

    /// Wakes whoever waits for one of these claims, on every API process.
    package static func announce(_ ids: some Sequence<ClaimID>) -> RedisCommand {
        ["PUBLISH", RedisKeys.changes, ids.map(\.description).joined(separator: " ")]
    }

    /// Asks for what is remembered. Answer: ``entry(_:of:)``.
    package static func lookUp(_ id: ClaimID) -> RedisCommand {
        ["HMGET", RedisKeys.claim(id), request, accepted, cancelled] + state
    }

    /// Reads the answer to ``lookUp(_:)``.
    ///
    /// - Returns: nil if nothing is remembered.
    package static func entry(_ reply: RedisReply, of id: ClaimID) -> Entry? {
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
