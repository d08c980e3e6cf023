/// The claims that wait in a lane, in order, and how fast the lane moves: what a pending claim's position is read from.
///
/// ```
/// claims:line:<lane>   the ids of claims that were handed to the broker and not taken up, by the time of that
/// claims:pace:<lane>   since      when a worker first saw the line       written once
///                      frontier   acceptance of the newest decided claim written with each batch
///                      rate, at   claims a second, and when that was so  written with each batch
/// ```
/// All of it goes along with what is sent to Redis anyway. A claim that is in no line (it waits for a retry, it was put
/// back by an operator, Redis was wiped) has no position. Nor has any while the lane still works on claims from before
/// a worker first saw the line, since some may have come before a wipe, and nobody knows how many.
package enum LaneLine {
    /// Where a pending claim stands.
    package struct Place: Hashable, Sendable {
        /// 1 for the next one; nil if it is not known.
        package var position: Int?
        /// Until its turn, at the pace of the last seconds; nil if the lane decided nothing in that time.
        package var estimatedSeconds: Int?

        package init(position: Int? = nil, estimatedSeconds: Int? = nil) {
            self.position = position
            self.estimatedSeconds = estimatedSeconds
        }
    }

    /// A pace that is older says nothing any more, in milliseconds.
    private static let paceLifetime: Int64 = 10_000
    /// An entry that is older than everything in a batch by so many milliseconds was never published, or belongs to a
    /// locked coupon, which others pass by.
    private static let longestPassing: Int64 = 5000

    // MARK: The API's part

    /// Puts a claim at the end of its line, before it is published. One that is in it already keeps its place.
    ///
    /// - Parameter time: microseconds since 1970.
    package static func join(_ id: ClaimID, lane: Int, at time: Int64) -> RedisCommand {
        ["ZADD", RedisKeys.line(of: lane), "NX", String(time), id.description]
    }

    /// Asks where a claim stands. Answer: ``place(_:now:)``.
    package static func ask(_ id: ClaimID, lane: Int) -> [RedisCommand] {
        [
            ["ZRANK", RedisKeys.line(of: lane), id.description],
            ["HMGET", RedisKeys.pace(of: lane), "since", "frontier", "rate", "at"],
        ]
    }

    /// Reads the answers to ``ask(_:lane:)``.
    package static func place(_ replies: [RedisReply], now: Timestamp) -> Place {
        guard replies.count == 2, let rank = replies[0].integer, let pace = replies[1].array, pace.count == 4,
            let since = number(pace[0]), let frontier = number(pace[1]), frontier >= since
        else { return Place() }
        let position = Int(rank) + 1
        guard let rate = pace[2].string.flatMap(Double.init), rate > 0, let at = number(pace[3]),
            now.milliseconds - at <= paceLifetime
        else { return Place(position: position) }
        let seconds = (Double(position) / rate).rounded(.up)
        return Place(position: position, estimatedSeconds: seconds < 1e9 ? Int(seconds) : nil)
    }

    private static func number(_ reply: RedisReply) -> Int64? { reply.string.flatMap { Int64($0) } }

    // MARK: The worker's part

    /// Takes claims out of their line.
    package static func leave(_ ids: [ClaimID], lane: Int) -> RedisCommand {
        ["ZREM", RedisKeys.line(of: lane)] + ids.map(\.description)
    }

    /// Notes how far the lane has come.
    ///
    /// - Parameters:
    ///   - accepted: the acceptance of claims that were decided at their first attempt; at least one.
    ///   - rate: claims a second.
    package static func advance(lane: Int, accepted: [Timestamp], rate: Double, now: Timestamp) -> [RedisCommand] {
        guard let newest = accepted.max(), let oldest = accepted.min() else { return [] }
        return [
            ["HSETNX", RedisKeys.pace(of: lane), "since", String(now.milliseconds)],
            [
                "HSET", RedisKeys.pace(of: lane), "frontier", String(newest.milliseconds), "rate", String(rate), "at",
                String(now.milliseconds),
            ],
            [
                "ZREMRANGEBYSCORE", RedisKeys.line(of: lane), "-inf",
                "(\((oldest.milliseconds - longestPassing) * 1000)",
            ],
        ]
    }
}
