import Claims
import Redis
import RuntimeSupport
import Testing

@Suite struct LaneQueueTests {
    private let now = Timestamp(milliseconds: 1_795_368_460_000)
    private let text = String(repeating: "0", count: 40)

    private func id() throws -> ClaimID { try #require(ClaimID(text)) }

    private func place(_ replies: [RedisReply]) throws -> LaneQueue.Place {
        try LaneQueue.place(of: id(), lane: 3, now: now).answer(replies[...])
    }

    /// The place of a claim behind `rank` others.
    private func place(
        behind rank: Int64?, since: String? = "100", frontier: String? = "200", rate: String? = "50.0",
        at: String? = "1795368459000"
    ) throws -> LaneQueue.Place {
        let pace = [since, frontier, rate, at].map { $0.map(RedisReply.string) ?? .null }
        return try place([rank.map(RedisReply.integer) ?? .null, .array(pace)])
    }

    @Test func aPlaceIsReadFromTheQueueAndThePaceOfTheLane() throws {
        #expect(
            try LaneQueue.place(of: id(), lane: 3, now: now).commands == [
                ["ZRANK", "claims:line:3", text], ["HMGET", "claims:pace:3", "since", "frontier", "rate", "at"],
            ])
    }

    @Test(arguments: [(0, 1, 1), (49, 50, 1), (50, 51, 2), (9999, 10_000, 200)])
    func theEstimateIsThePositionDividedByTheRate(_ rank: Int64, _ position: Int, _ seconds: Int) throws {
        #expect(try place(behind: rank) == LaneQueue.Place(position: position, estimatedSeconds: seconds))
    }

    @Test func aClaimThatIsNotQueuedHasNoPlace() throws {
        #expect(try place(behind: nil) == LaneQueue.Place())
    }

    @Test(arguments: [nil, "", "0.0", "-1", "x"]) func withoutARateThereIsNoEstimate(_ rate: String?) throws {
        #expect(try place(behind: 3, rate: rate) == LaneQueue.Place(position: 4))
    }

    @Test func anOutdatedRateGivesNoEstimate() throws {
        #expect(try place(behind: 3, at: "1795368450000").estimatedSeconds == 1)
        #expect(try place(behind: 3, at: "1795368449999") == LaneQueue.Place(position: 4))
    }

    @Test func anExcessiveEstimateIsLeftOut() throws {
        #expect(try place(behind: 3, rate: "1e-30") == LaneQueue.Place(position: 4))
    }

    /// After a wipe of Redis the lane still holds claims that are not in the queue.
    @Test(arguments: [nil, "99"]) func anIncompleteQueueGivesNoPosition(_ frontier: String?) throws {
        #expect(try place(behind: 3, frontier: frontier) == LaneQueue.Place())
        #expect(try place(behind: 3, since: nil) == LaneQueue.Place())
        #expect(try place(behind: 3, frontier: "100").position == 4)
    }

    @Test(
        arguments: [
            [.null, .null], [.integer(1), .null], [.integer(1), .array([])], [.error("x"), .error("y")],
        ] as [[RedisReply]])
    func malformedRepliesGiveNoPlace(_ replies: [RedisReply]) throws {
        #expect(try place(replies) == LaneQueue.Place())
    }

    @Test func advancingRecordsTheProgressAndRemovesEntriesThatWereNeverPublished() {
        let accepted = [100_000, 90_000].map(Timestamp.init(milliseconds:))
        #expect(
            LaneQueue.advance(lane: 3, accepted: accepted, rate: 12.5, now: now).commands == [
                ["HSETNX", "claims:pace:3", "since", "1795368460000"],
                ["HSET", "claims:pace:3", "frontier", "100000", "rate", "12.5", "at", "1795368460000"],
                ["ZREMRANGEBYSCORE", "claims:line:3", "-inf", "(85000000"],
            ])
        #expect(LaneQueue.advance(lane: 3, accepted: [], rate: 1, now: now).commands.isEmpty)
    }

    @Test func joiningAgainKeepsThePlace() throws {
        #expect(try LaneQueue.join(id(), lane: 7, at: 123).commands == [["ZADD", "claims:line:7", "NX", "123", text]])
    }

    @Test func severalClaimsLeaveWithOneCommand() throws {
        #expect(try LaneQueue.leave([id(), id()], lane: 7).commands == [["ZREM", "claims:line:7", text, text]])
    }
}
