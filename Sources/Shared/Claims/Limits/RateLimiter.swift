package import Redis

/// Token buckets and the pending claims of a user in Redis, for all API processes.
package enum RateLimiter {
    /// The claims of one user for one coupon that are pending at most.
    package struct PendingLimit: Sendable {
        package let maximum: Int
        package let user: UserID
        package let coupon: CouponName

        package init(_ maximum: Int, user: UserID, coupon: CouponName) {
            self.maximum = maximum
            self.user = user
            self.coupon = coupon
        }
    }

    package struct Answer: Hashable, Sendable {
        package let decision: RateDecision
        /// Whether the user has as many pending claims as allowed.
        package let hasTooManyPending: Bool
    }

    /// Takes one token of each bucket, or none if one is empty.
    ///
    /// - Parameters:
    ///   - claim: the claim that is submitted. Its request must have been noted before, in the same round trip at the
    ///     latest. If it was accepted before, the request is a replay, which takes no token.
    ///   - pending: the limit that the claim counts for.
    package static func charge(
        _ buckets: [RateBucket], for claim: ClaimID? = nil, pending: PendingLimit? = nil
    ) -> RedisRequest<Answer> {
        let policies = buckets.map(\.policy)
        let keys =
            [claim.map(RedisKeys.claim) ?? "", pending.map { RedisKeys.pending($0.user, $0.coupon) } ?? ""]
            + buckets.map { RedisKeys.rate($0.policy.name, $0.owner) }
        let arguments =
            [String(pending?.maximum ?? 0), String(ClaimCache.lifetime)]
            + policies.flatMap { [String($0.interval), String($0.capacity)] }
        return RedisRequest(command: ["EVAL", script, String(keys.count)] + keys + arguments) {
            reply throws(RedisError) in
            guard let numbers = reply.array?.map(\.integer), numbers.count == policies.count + 2,
                let isReplay = numbers[0], let isFull = numbers[1]
            else { throw RedisError("rate limits: unexpected reply \(reply)") }
            return Answer(
                decision: RateDecision(policies, debts: numbers.dropFirst(2).map { $0 ?? 0 }, isFree: isReplay != 0),
                hasTooManyPending: isFull != 0)
        }
    }

    /// KEYS: the claim or an empty name, the pending claims or an empty name, then the buckets. ARGV: the most pending
    /// claims, their lifetime, then the interval and the capacity of each bucket. Returns whether the request is a replay,
    /// whether too many claims are pending, and the debt of each bucket before the request.
    ///
    /// The set of pending claims holds their keys. Those that are decided are removed when it is looked at, so nothing has
    /// to be done when a claim is decided. A state is at byte 5, see ``ClaimRecord``: rank, time, letter.
    private static let script = """
        local function mark(key) return key ~= '' and redis.call('GETRANGE', key, 0, 0) or '' end
        local function pending(key)
          local record = redis.call('GETRANGE', key, 0, 13)
          if record == '' then return false end
          local rank = string.sub(record, 6, 6)
          return rank == '' or rank == '0' or rank == '1' and string.sub(record, 14, 14) == 'p'
        end
        local own = mark(KEYS[1])
        local replay = own == '+' or own == '*'
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local answer, refused = {replay and 1 or 0, 0}, false
        for i = 3, #KEYS do
          local debt = math.max(0, (tonumber(redis.call('GET', KEYS[i]) or '0')) - now)
          answer[i] = debt
          if debt + ARGV[2 * i - 3] > ARGV[2 * i - 2] + 0 then refused = true end
        end
        if replay or refused then return answer end
        if KEYS[2] ~= '' then
          local count = 0
          for _, key in ipairs(redis.call('SMEMBERS', KEYS[2])) do
            if key ~= KEYS[1] then
              if pending(key) then count = count + 1 else redis.call('SREM', KEYS[2], key) end
            end
          end
          if count >= tonumber(ARGV[1]) then
            answer[2] = 1
            return answer
          end
          redis.call('SADD', KEYS[2], KEYS[1])
          redis.call('EXPIRE', KEYS[2], ARGV[2])
        end
        for i = 3, #KEYS do
          local debt = answer[i] + ARGV[2 * i - 3]
          redis.call('SET', KEYS[i], string.format('%.0f', now + debt), 'PX', math.ceil(debt / 1000) + 1)
        end
        return answer
        """
}
