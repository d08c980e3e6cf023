import Redis
import RuntimeSupport
import Testing

@testable import Claims

/// The decoding of Redis' replies. The integration tests run the commands.
@Suite struct ClaimCacheTests {
    private let id = String(repeating: "0", count: 40)

    private func message() throws -> ClaimMessage {
        try ClaimMessage(
            id: #require(ClaimID(id)), userID: #require(UserID("u 1")), couponName: #require(CouponName("SALE")),
            createdAt: Timestamp(milliseconds: 1_795_368_454_123))
    }

    // MARK: Accepting

    @Test func theFirstRequestHasNoEarlierOne() throws {
        #expect(try ClaimCache.note(message()).answer([.null]) == nil)
    }

    @Test func anEarlierRequestIsReturned() throws {
        let message = try message()
        let earlier = try #require(try ClaimCache.note(message).answer([.string(ClaimRecord.noted(message))]))
        #expect(earlier.claim == message.pendingClaim)
        #expect(!earlier.isAccepted)
    }

    /// An unknown answer must lead to a publish; treating the request as a replay could lose the claim.
    @Test func aRefusedCommandCountsAsTheFirstRequest() throws {
        #expect(try ClaimCache.note(message()).answer([.error("OOM")]) == nil)
        #expect(try ClaimCache.accept(message().id, lane: 0, number: 1).answer([.error("OOM")]).isFirst)
    }

    @Test(arguments: [(0x2d, true), (0x2b, false), (0x2a, false), (0, true)] as [(Int64, Bool)])
    func theOldMarkTellsWhetherARequestIsTheFirst(_ mark: Int64, isFirst: Bool) throws {
        let reply = RedisReply.array([.integer(mark << 32 | 0x2d2d_2d2d), .integer(0x30)])
        #expect(try ClaimCache.accept(message().id, lane: 0, number: 1).answer([reply]).isFirst == isFirst)
    }

    @Test func aNewKeyGetsItsLifetime() throws {
        let answer = try ClaimCache.accept(message().id, lane: 0, number: 1).answer([
            .array([.integer(0), .integer(0)])
        ])
        #expect(answer.rest.commands == [["EXPIRE", "c:\(id.prefix(24))", "90000"]])
    }

    @Test func keysAreRememberedForMoreThanADay() throws {
        #expect(ClaimCache.lifetime > 24 * 3600)
        #expect(try ClaimCache.note(message()).commands[0].suffix(2) == ["EX", String(ClaimCache.lifetime)])
    }

    // MARK: Looking up

    @Test(arguments: [RedisReply.null, .error("WRONGTYPE"), .array([]), .integer(1), .string("x")])
    func aMalformedReplyIsNoEntry(_ reply: RedisReply) throws {
        #expect(try ClaimCache.lookUp(message().id).answer([reply]) == nil)
    }

    @Test func aStateThatAWorkerStoredIsAccepted() throws {
        let state = ClaimState(try message().pendingClaim)
        let entry = try #require(
            try ClaimCache.lookUp(message().id).answer([.string("-----" + ClaimRecord.text(state))]))
        #expect(entry.isAccepted, "a worker received the claim, so the broker had confirmed it")
        #expect(entry.claim == state.claim)
    }

    @Test func aPageHasTheDigestsOfItsClaims() throws {
        let id = try message().id
        let reply = RedisReply.array([
            .string("17"), .array([.string(RedisKeys.claim(id)), .string("c:short"), .null]),
        ])
        let page = try ClaimCache.page(from: ClaimCache.start, count: 10).answer([reply])
        #expect(page == ClaimCache.Page(next: "17", digests: [String(id.digest)]))
        for reply in [RedisReply.null, .array([.string("0")]), .error("NOPERM")] {
            #expect(throws: RedisError.self) { try ClaimCache.page(from: "0", count: 10).answer([reply]) }
        }
    }

    @Test func aClaimThatIsAcceptedAgainIsPending() throws {
        let message = try message()
        for isEdited in [false, true] {
            let request = ClaimCache.acceptAgain(message, isEdited: isEdited, insteadOf: "2Q7mZ3-1")
            let command = request.commands[0]
            #expect(command[3] == RedisKeys.claim(message.id) && command.last == "2Q7mZ3-1")
            let entry = try #require(try ClaimCache.lookUp(message.id).answer([.string(command[5])]))
            #expect(entry.isAccepted && entry.isEdited == isEdited && entry.claim == message.pendingClaim)
        }
    }

    // MARK: Results

    @Test func allChangesAreAnnouncedInOneMessage() throws {
        let other = try #require(ClaimID(String(repeating: "1", count: 40)))
        #expect(
            try ClaimCache.announce([message().id, other]).commands == [
                ["PUBLISH", "claims:changes", "\(id) \(other)"]
            ])
    }

    @Test func statesAreStoredTogetherBeforeTheyAreAnnounced() throws {
        var other = try message().pendingClaim
        other.id = try #require(ClaimID(String(repeating: "1", count: 40)))
        let request = ClaimCache.publish([ClaimState(try message().pendingClaim), ClaimState(other)], lane: 3)
        #expect(request.commands.map { $0[0] } == ["EVAL", "PUBLISH"])
        #expect(
            request.commands[0][2...5]
                == ["3", "claims:lane:3", "c:\(id.prefix(24))", "c:\(other.id.description.prefix(24))"])
        #expect(request.commands[1] == ["PUBLISH", "claims:changes", "\(id) \(other.id)"])
    }

    @Test func publishingNoStatesSendsNothing() {
        #expect(ClaimCache.publish([]).commands.isEmpty)
    }
}
