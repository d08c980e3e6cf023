package import Redis

/// What Redis remembers of a claim: one string, with the request before any worker has received it, and with the claim's
/// latest state afterwards. ``ClaimRecord`` describes the text, ``ClaimState`` which state is the latest.
///
/// A request that is noted and not marked as accepted may have been lost on its way, so it is published again. Each key
/// expires ``lifetime`` after its request was noted or its last state was stored. Losing it costs a look-up in PostgreSQL,
/// nothing else.
package enum ClaimCache {
    /// Seconds that a claim and its idempotency key are remembered: 25 hours, one more than the contract promises.
    package static let lifetime = 25 * 3600

    /// What Redis remembers of one claim.
    package struct Entry: Hashable, Sendable {
        /// The latest known state; nil if only the acceptance is known.
        package let claim: Claim?
        /// Whether the broker has confirmed the request: an API process marked it, or a worker has received it.
        package let isAccepted: Bool
        /// Whether an operator has replaced the request, so that the claim may have another coupon.
        package let isEdited: Bool
        /// The version of the state, as ``ClaimRecord`` describes it; nil if only the acceptance is known.
        package let version: String?

        init(_ record: ClaimRecord) {
            claim = record.state?.claim
            isAccepted = record.mark != .noted || record.state.map { $0.rank != .noted } ?? false
            isEdited = record.mark == .edited
            version = record.state.map(ClaimRecord.version)
        }
    }

    // MARK: Accepting

    /// Remembers a request before it is published, unless one with this id is remembered already.
    ///
    /// Answer: what is remembered of an earlier request; nil if this is the first one.
    package static func note(_ message: ClaimMessage) -> RedisRequest<Entry?> {
        let text = ClaimRecord.noted(message)
        return RedisRequest(
            command: ["SET", RedisKeys.claim(message.id), text, "NX", "GET", "EX", String(lifetime)]
        ) { entry($0, of: message.id) }
    }

    /// Remembers a request in place of an earlier attempt that was not accepted.
    package static func noteAgain(_ message: ClaimMessage) -> RedisRequest<Void> {
        let arguments = [String(lifetime), ClaimRecord.noted(message)]
        return RedisRequest([["EVAL", replaceNoteScript, "1", RedisKeys.claim(message.id)] + arguments])
    }

    /// Forgets a request that was refused, unless another attempt at it was accepted.
    package static func withdraw(_ id: ClaimID) -> RedisRequest<Void> {
        RedisRequest([["EVAL", replaceNoteScript, "1", RedisKeys.claim(id)]])
    }

    /// KEYS: the claim. ARGV: nothing, or the lifetime and the new text. Changes nothing but a note.
    private static let replaceNoteScript = """
        local old = redis.call('GET', KEYS[1])
        if not old or string.sub(old, 1, 1) ~= '-' or string.sub(old, 6, 6) ~= '\(UnicodeScalar(ClaimState.Rank.noted.rawValue))' then
          return 0
        end
        if ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[1]) else redis.call('DEL', KEYS[1]) end
        return 1
        """

    /// The effect of marking a request as accepted.
    package struct Acceptance: Sendable {
        /// Whether it is the first confirmed request with its id.
        package let isFirst: Bool
        /// What remains to be done, without waiting for it.
        package let rest: RedisRequest<Void>
    }

    /// Marks a request as accepted: the broker has confirmed it.
    ///
    /// - Parameter number: the claim's number in its lane; nil if it is unknown.
    package static func accept(_ id: ClaimID, lane: Int, number: Int64?) -> RedisRequest<Acceptance> {
        let key = RedisKeys.claim(id)
        let header = ClaimRecord.header(.accepted, number: number).reduce(0) { $0 << 8 | Int64($1) }
        let (bits, rank) = (ClaimRecord.headerWidth * 8, "#\(ClaimRecord.headerWidth)")
        // One command: it replaces the first bytes, and returns the old ones and the rank of the state.
        return RedisRequest(command: ["BITFIELD", key, "SET", "u\(bits)", "0", String(header), "GET", "u8", rank]) {
            guard let old = $0.array, old.count == 2, let oldHeader = old[0].integer, let rank = old[1].integer else {
                return Acceptance(isFirst: true, rest: RedisRequest([]))
            }
            var rest: [RedisRequest<Void>] = []
            // Everything was wiped since the request was noted, so the key is new.
            if oldHeader == 0 { rest.append(RedisRequest([["EXPIRE", key, String(lifetime)]])) }
            // A worker was faster and did not know the number.
            if let number, rank > ClaimState.Rank.noted.rawValue {
                rest.append(LaneQueue.pass(number, lane: lane))
            }
            let oldMark = ClaimRecord.Mark(rawValue: UInt8(truncatingIfNeeded: oldHeader >> (bits - 8)))
            return Acceptance(isFirst: oldMark == nil || oldMark == .noted, rest: .all(rest))
        }
    }

    /// Deletes what Redis remembers of a claim.
    package static func forget(_ id: ClaimID) -> RedisRequest<Void> {
        RedisRequest([["DEL", RedisKeys.claim(id)]])
    }

    // MARK: Results

    /// Stores states of claims, each unless a later one is stored, and wakes the requests that wait for the claims.
    ///
    /// - Parameter lane: the lane whose claims left it with these states; nil if they are no progress of a lane.
    package static func publish(_ states: [ClaimState], lane: Int? = nil) -> RedisRequest<Void> {
        guard !states.isEmpty else { return RedisRequest([]) }
        let keys = [lane.map(RedisKeys.lane) ?? ""] + states.map { RedisKeys.claim($0.claim.id) }
        let arguments = [String(lifetime)] + states.map(ClaimRecord.text)
        return .all([
            RedisRequest([["EVAL", storeScript, String(keys.count)] + keys + arguments]),
            announce(states.map(\.claim.id)),
        ])
    }

    /// KEYS: the lane or an empty name, then the claims. ARGV: the lifetime, then the claims' texts from the rank on.
    private static let storeScript = """
        local passed = ''
        for i = 2, #KEYS do
          local old, new = redis.call('GET', KEYS[i]) or '-----', ARGV[i]
          if string.sub(old, 6, 13) <= string.sub(new, 1, 8) then
            redis.call('SET', KEYS[i], string.sub(old, 1, 5) .. new, 'EX', ARGV[1])
          end
          local number = string.sub(old, 2, 5)
          if number > passed then passed = number end
        end
        if KEYS[1] == '' or passed <= '----' then return 0 end
        \(LaneQueue.passScript)
        """

    /// Records that an operator replaced a claim's request. The claim must be stored.
    package static func markEdited(_ id: ClaimID) -> RedisRequest<Void> {
        let mark = String(decoding: [ClaimRecord.Mark.edited.rawValue], as: UTF8.self)
        return RedisRequest([["SETRANGE", RedisKeys.claim(id), "0", mark]])
    }

    /// Looks up a claim. Answer: nil if nothing is remembered of it.
    package static func lookUp(_ id: ClaimID) -> RedisRequest<Entry?> {
        RedisRequest(command: ["GET", RedisKeys.claim(id)]) { entry($0, of: id) }
    }

    private static func entry(_ reply: RedisReply, of id: ClaimID) -> Entry? {
        reply.string.flatMap { ClaimRecord($0, of: id) }.map(Entry.init)
    }
}
