import Claims
import Redis
import RuntimeSupport
import Testing

@Suite struct LaneQueueTests {
    private let now = Timestamp(milliseconds: 1_795_368_460_000)
    private let id = String(repeating: "0", count: 40)

    /// The place of a claim with so many before it.
    private func place(
        behind rank: Int64?, since: String? = "100", frontier: String? = "200", rate: String? = "50.0",
        at: String? = "1795368459000"
    ) -> LaneQueue.Place {
        let pace = [since, frontier, rate, at].map { $0.map(RedisReply.string) ?? .null }
        return LaneQueue.place([rank.map(RedisReply.integer) ?? .null, .array(pace)], now: now)
    }

    @Test(arguments: [(0, 1, 1), (49, 50, 1), (50, 51, 2), (9999, 10_000, 200)])
    func aClaimStandsBehindThoseBeforeItAndWaitsAsLongAsTheyTake(_ rank: Int64, _ position: Int, _ seconds: Int) {
        #expect(place(behind: rank) == LaneQueue.Place(position: position, estimatedSeconds: seconds))
    }

    @Test func whoIsInNoLineHasNoPlace() {
        #expect(place(behind: nil) == LaneQueue.Place())
    }

    @Test(arguments: [nil, "", "0.0", "-1", "x"]) func withoutAPaceThereIsNoEstimate(_ rate: String?) {
        #expect(place(behind: 3, rate: rate) == LaneQueue.Place(position: 4))
    }

    @Test func aPaceOfLongAgoGivesNoEstimate() {
        #expect(place(behind: 3, at: "1795368450000").estimatedSeconds == 1)
        #expect(place(behind: 3, at: "1795368449999") == LaneQueue.Place(position: 4))
    }

    @Test func anEstimateBeyondAllMeasureIsNone() {
        #expect(place(behind: 3, rate: "1e-30") == LaneQueue.Place(position: 4))
    }

    /// Redis was wiped: the lane still works on claims that nobody counted.
    @Test(arguments: [nil, "99"]) func aLineThatIsNotWholeTellsNoPlace(_ frontier: String?) {
        #expect(place(behind: 3, frontier: frontier) == LaneQueue.Place())
        #expect(place(behind: 3, since: nil) == LaneQueue.Place())
        #expect(place(behind: 3, frontier: "100").position == 4)
    }

    @Test(arguments: [[], [.null], [.integer(1), .null], [.error("x"), .error("y")]] as [[RedisReply]])
    func anAnswerOfAnotherShapeTellsNothing(_ replies: [RedisReply]) {
        #expect(LaneQueue.place(replies, now: now) == LaneQueue.Place())
    }

    @Test func aLaneTellsHowFarItHasComeAndForgetsWhatWasNeverPublished() {
        let commands = LaneQueue.advance(
            lane: 3, accepted: [Timestamp(milliseconds: 100_000), Timestamp(milliseconds: 90_000)], rate: 12.5, now: now
        )
        #expect(
            commands == [
                ["HSETNX", "claims:pace:3", "since", "1795368460000"],
                ["HSET", "claims:pace:3", "frontier", "100000", "rate", "12.5", "at", "1795368460000"],
                ["ZREMRANGEBYSCORE", "claims:line:3", "-inf", "(85000000"],
            ])
        #expect(LaneQueue.advance(lane: 3, accepted: [], rate: 1, now: now).isEmpty)
    }

    @Test func aClaimKeepsThePlaceItHas() throws {
        let claim = try #require(ClaimID(id))
        #expect(LaneQueue.join(claim, lane: 7, at: 123) == ["ZADD", "claims:line:7", "NX", "123", id])
    }

    @Test func claimsLeaveTheirLineTogether() throws {
        let claim = try #require(ClaimID(id))
        #expect(LaneQueue.leave([claim, claim], lane: 7) == ["ZREM", "claims:line:7", id, id])
    }
}
