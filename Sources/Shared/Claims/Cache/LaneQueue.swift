package import Redis
package import RuntimeSupport

/// The claims that wait in a lane, and how fast the lane moves. A pending claim's position is read from it.
///
/// ```
/// claims:lane:<lane>   accepted   the number of the newest claim of the lane           (ClaimAPI)
///                      decided    the greatest number of a claim that has left it      (ClaimWorker)
///                      rate, at   claims per second, and when that was measured        (ClaimWorker)
/// ```
/// Each claim takes the next number before it is published, and its key in Redis carries the number. The position is the
/// difference to `decided`, so it costs the same however many claims wait. The key carries only the last digits: the
/// number is the greatest one with these digits that is not far above `accepted`. A claim that was not published returns
/// its number, so two claims that are accepted at the same moment may get the same one.
///
/// The digits start again after 16.7 million claims of a lane. A batch across that point counts up to its last claim
/// before it, and the next batch corrects this.
///
/// A claim without a number has no position: Redis was away or wiped when it was accepted. A claim with a number up to
/// `decided` has none either: it waits for a lock or a retry, or an operator replayed it. After a wipe no claim has a
/// position until the first numbered one is decided, since unnumbered ones may be in front of it.
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
    /// The numbers that the digits of a key can tell apart.
    private static let span: Int64 = 1 << (6 * Int64(ClaimRecord.numberWidth))
    /// The most numbers that are returned between two claims' acceptance.
    private static let slack: Int64 = 1024

    // MARK: API

    /// Takes the next number of a lane. Answer: nil if Redis refuses.
    package static func takeNumber(lane: Int) -> RedisRequest<Int64?> {
        RedisRequest(command: ["HINCRBY", RedisKeys.lane(lane), "accepted", "1"]) { reply in
            reply.integer.flatMap { $0 > 0 ? $0 : nil }
        }
    }

    /// Returns a number that was taken for nothing. The next claim takes it, or the number after it.
    package static func returnNumber(lane: Int) -> RedisRequest<Void> {
        RedisRequest([["HINCRBY", RedisKeys.lane(lane), "accepted", "-1"]])
    }

    /// Looks up the place of a claim.
    package static func place(of id: ClaimID, lane: Int, now: Timestamp) -> RedisRequest<Place> {
        RedisRequest([
            ["GETRANGE", RedisKeys.claim(id), "1", String(ClaimRecord.numberWidth)],
            ["HMGET", RedisKeys.lane(lane), "accepted", "decided", "rate", "at"],
        ]) { readPlace(Array($0), now: now) }
    }

    /// The numbers of claims that a lane has accepted and decided. Both only rise, until Redis loses them.
    package struct Counters: Hashable, Sendable {
        package let accepted: Int64
        package let decided: Int64

        package init(accepted: Int64, decided: Int64) {
            self.accepted = accepted
            self.decided = decided
        }

        /// The undecided claims, including those that a worker holds.
        ///
        /// The number is not exact: a claim that waits for a retry is not counted while later ones are decided.
        package var waiting: Int { Int(max(0, accepted - decided)) }
    }

    /// Looks up the counters of the lanes from 0 on. Answer: nil for a lane that Redis has no record of.
    package static func counters(lanes: Int) -> RedisRequest<[Counters?]> {
        RedisRequest((0..<lanes).map { ["HMGET", RedisKeys.lane($0), "accepted", "decided"] }) { replies in
            replies.map { reply in
                guard let fields = reply.array, fields.count == 2, let accepted = number(fields[0]) else { return nil }
                return Counters(accepted: accepted, decided: number(fields[1]) ?? 0)
            }
        }
    }

    private static func readPlace(_ replies: [RedisReply], now: Timestamp) -> Place {
        guard let digits = replies[0].string, let last = SortableDigits.decode(digits.utf8), last > 0,
            let fields = replies[1].array, fields.count == 4, let accepted = number(fields[0]),
            let decided = number(fields[1]), case let behind = (accepted + slack - last) % span, behind >= 0,
            case let position = Int(accepted + slack - behind - decided), position > 0
        else { return Place() }
        guard let rate = fields[2].string.flatMap(Double.init), rate > 0, let at = number(fields[3]),
            now.milliseconds - at <= rateLifetime
        else { return Place(position: position) }
        let seconds = (Double(position) / rate).rounded(.up)
        return Place(position: position, estimatedSeconds: seconds < 1e9 ? Int(seconds) : nil)
    }

    private static func number(_ reply: RedisReply) -> Int64? { reply.string.flatMap { Int64($0) } }

    /// Records that the claim with a number has left its lane.
    static func pass(_ number: Int64, lane: Int) -> RedisRequest<Void> {
        let digits = String(
            decoding: SortableDigits.encode(number, width: ClaimRecord.numberWidth), as: UTF8.self)
        return RedisRequest([["EVAL", "local passed = ARGV[1]\n" + passScript, "1", RedisKeys.lane(lane), digits]])
    }

    /// The end of a script: raises `decided` of the lane `KEYS[1]` to the number whose digits are in `passed`.
    static let passScript = """
        local lane = redis.call('HMGET', KEYS[1], 'accepted', 'decided')
        local accepted, number = tonumber(lane[1]) or 0, 0
        for digit in string.gmatch(passed, '.') do
          number = number * 64 + string.find('\(SortableDigits.digits)', digit, 1, true) - 1
        end
        accepted = accepted + \(slack)
        number = accepted - (accepted - number) % \(span)
        if number > (tonumber(lane[2]) or 0) then redis.call('HSET', KEYS[1], 'decided', number) end
        return 1
        """

    // MARK: Worker

    /// Records the throughput of a lane.
    ///
    /// - Parameter rate: claims per second.
    package static func measured(rate: Double, lane: Int, now: Timestamp) -> RedisRequest<Void> {
        RedisRequest([["HSET", RedisKeys.lane(lane), "rate", String(rate), "at", String(now.milliseconds)]])
    }
}
