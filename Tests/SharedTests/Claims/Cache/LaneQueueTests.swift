import Redis
import RuntimeSupport
import Testing

@testable import Claims

@Suite struct LaneQueueTests {
    private let text = String(repeating: "0", count: 40)
    private let now = Timestamp(milliseconds: 1_795_368_460_000)

    private func id() throws -> ClaimID { try #require(ClaimID(text)) }

    private func place(_ replies: [RedisReply]) throws -> LaneQueue.Place {
        try LaneQueue.place(of: id(), lane: 3, now: now).answer(replies[...])
    }

    private func place(
        number: Int64, accepted: String? = "1000", decided: String? = "100", rate: String? = "50",
        at: String? = "1795368450000"
    ) throws -> LaneQueue.Place {
        let digits = String(decoding: SortableDigits.encode(number, width: 4), as: UTF8.self)
        return try place([
            .string(digits), .array([accepted, decided, rate, at].map { $0.map(RedisReply.string) ?? .null }),
        ])
    }

    @Test func aPlaceIsReadInOneRoundTrip() throws {
        #expect(
            try LaneQueue.place(of: id(), lane: 3, now: now).commands == [
                ["GETRANGE", "c:\(text.prefix(24))", "1", "4"],
                ["HMGET", "claims:lane:3", "accepted", "decided", "rate", "at"],
            ])
    }

    @Test(arguments: [(101, 1, 1), (149, 49, 1), (150, 50, 1), (151, 51, 2), (1000, 900, 18)] as [(Int64, Int, Int)])
    func thePositionIsTheDifferenceOfTheNumbers(number: Int64, position: Int, seconds: Int) throws {
        #expect(try place(number: number) == LaneQueue.Place(position: position, estimatedSeconds: seconds))
    }

    @Test(arguments: [99, 100] as [Int64]) func aClaimThatOthersHavePassedHasNoPosition(_ number: Int64) throws {
        #expect(try place(number: number) == LaneQueue.Place())
    }

    @Test func aNumberAboveTheLastOneCounts() throws {
        #expect(try place(number: 1001).position == 901, "another claim has returned its number")
    }

    /// A key carries the last four digits of a number, which repeat after 16.7 million claims.
    @Test(arguments: [0, 1, 500, 16_777_000] as [Int64]) func thePositionIsRightHoweverManyClaimsThereWere(
        _ number: Int64
    ) throws {
        let full = 3 << 24 + number
        let place = try place(number: full, accepted: String(full + 20), decided: String(full - 7))
        #expect(place.position == (number == 0 ? nil : 7), "the digits of 0 mean no number")
    }

    @Test(arguments: [nil, "0", "-1", "x", "nan"]) func withoutAUsableRateTheTimeIsUnknown(_ rate: String?) throws {
        #expect(try place(number: 104, rate: rate) == LaneQueue.Place(position: 4))
    }

    @Test func anOldRateIsNotUsed() throws {
        #expect(try place(number: 104, at: "1795368449999") == LaneQueue.Place(position: 4))
    }

    @Test func aTinyRateGivesNoTime() throws {
        #expect(try place(number: 104, rate: "1e-30") == LaneQueue.Place(position: 4))
    }

    @Test func beforeTheFirstNumberedClaimIsDecidedNoPositionIsKnown() throws {
        #expect(try place(number: 104, decided: nil) == LaneQueue.Place())
    }

    @Test func aClaimWithoutANumberHasNoPosition() throws {
        #expect(try place(number: 0) == LaneQueue.Place())
    }

    @Test(
        arguments: [
            [.null, .null], [.error("WRONGTYPE"), .error("WRONGTYPE")], [.string(""), .array([])],
            [.string("0001"), .array([.null])], [.string("é"), .array([.null, .null, .null, .null])],
        ] as [[RedisReply]])
    func malformedRepliesGiveNoPlace(_ replies: [RedisReply]) throws {
        #expect(try place(replies) == LaneQueue.Place())
    }

    @Test func numbersAreTakenAndReturned() throws {
        let taking = LaneQueue.takeNumber(lane: 7)
        #expect(taking.commands == [["HINCRBY", "claims:lane:7", "accepted", "1"]])
        #expect(try taking.answer([.integer(5)]) == 5)
        #expect(try taking.answer([.integer(0)]) == nil)
        #expect(try taking.answer([.error("OOM")]) == nil)
        #expect(LaneQueue.returnNumber(lane: 7).commands == [["HINCRBY", "claims:lane:7", "accepted", "-1"]])
    }
}
