package import Redis
package import RuntimeSupport

/// The claims that wait in a lane, in order, and how fast the lane moves. A pending claim's position is read from it.
///
/// ```
/// claims:line:<lane>   the ids of claims that were published and not taken up, scored by the time of publishing
/// claims:pace:<lane>   since      when a worker first saw the lane        written once
///                      frontier   acceptance of the newest decided claim  written with each batch
///                      rate, at   claims per second, and when measured    written with each batch
/// ```
/// A claim that is not in the set has no position: it waits for a retry, an operator replayed it, or Redis was wiped.
/// No claim has a position while the lane still works on claims from before `since`: some of them may have been
/// published before a wipe, and their number is unknown.
package enum LaneQueue {
    /// The place of a pending claim in its lane.
    package struct Place: Hashable, Sendable {
        /// 1 for the next claim; nil if unknown.
        package var position: Int?
        /// Seconds until its turn at the present rate; nil if the lane decided nothing in the last seconds.
        package var estimatedSeconds: Int?

        package init(position: Int? = nil, estimatedSeconds: Int? = nil) {
            self.position = position
            self.estimatedSeconds = estimatedSeconds
        }
    }

    /// Milliseconds after which a measured rate is out of date.
    private static let rateLifetime: Int64 = 10_000
    /// Milliseconds by which an entry may be older than a whole batch. An older one was never published, or belongs to a
    /// locked coupon that other claims overtake.
    private static let longestOvertaking: Int64 = 5000

    // MARK: API

    /// Adds a claim to the end of its lane before it is published. One that is there already keeps its place.
    ///
    /// - Parameter time: microseconds since 1970.
    package static func join(_ id: ClaimID, lane: Int, at time: Int64) -> RedisRequest<Void> {
        RedisRequest([["ZADD", RedisKeys.laneQueue(of: lane), "NX", String(time), id.description]])
    }

    /// Looks up the place of a claim.
    package static func place(of id: ClaimID, lane: Int, now: Timestamp) -> RedisRequest<Place> {
        RedisRequest([
            ["ZRANK", RedisKeys.laneQueue(of: lane), id.description],
            ["HMGET", RedisKeys.lanePace(of: lane), "since", "frontier", "rate", "at"],
        ]) { readPlace(Array($0), now: now) }
    }

    /// Looks up when the oldest waiting claim of a lane was published; nil if none waits, or Redis was wiped.
    ///
    /// A claim that waits for a retry does not count.
    package static func oldest(lane: Int) -> RedisRequest<Timestamp?> {
        RedisRequest(command: ["ZRANGE", RedisKeys.laneQueue(of: lane), "0", "0", "WITHSCORES"]) { reply in
            guard let entry = reply.array, entry.count == 2, let microseconds = entry[1].string.flatMap(Double.init)
            else { return nil }
            return Timestamp(milliseconds: Int64(microseconds / 1000))
        }
    }

    private static func readPlace(_ replies: [RedisReply], now: Timestamp) -> Place {
        guard let rank = replies[0].integer, let pace = replies[1].array, pace.count == 4,
            let since = number(pace[0]), let frontier = number(pace[1]), frontier >= since
        else { return Place() }
        let position = Int(rank) + 1
        guard let rate = pace[2].string.flatMap(Double.init), rate > 0, let at = number(pace[3]),
            now.milliseconds - at <= rateLifetime
        else { return Place(position: position) }
        let seconds = (Double(position) / rate).rounded(.up)
        return Place(position: position, estimatedSeconds: seconds < 1e9 ? Int(seconds) : nil)
    }

    private static func number(_ reply: RedisReply) -> Int64? { reply.string.flatMap { Int64($0) } }

    // MARK: Worker

    /// Removes claims from their lane.
    package static func leave(_ ids: [ClaimID], lane: Int) -> RedisRequest<Void> {
        RedisRequest([["ZREM", RedisKeys.laneQueue(of: lane)] + ids.map(\.description)])
    }

    /// Records the progress of a lane.
    ///
    /// - Parameters:
    ///   - accepted: when the claims were accepted that were decided at their first attempt.
    ///   - rate: claims per second.
    package static func advance(
        lane: Int, accepted: [Timestamp], rate: Double, now: Timestamp
    ) -> RedisRequest<Void> {
        guard let newest = accepted.max(), let oldest = accepted.min() else { return RedisRequest([]) }
        return RedisRequest([
            ["HSETNX", RedisKeys.lanePace(of: lane), "since", String(now.milliseconds)],
            [
                "HSET", RedisKeys.lanePace(of: lane), "frontier", String(newest.milliseconds), "rate", String(rate),
                "at", String(now.milliseconds),
            ],
            [
                "ZREMRANGEBYSCORE", RedisKeys.laneQueue(of: lane), "-inf",
                "(\((oldest.milliseconds - longestOvertaking) * 1000)",
            ],
        ])
    }
}
