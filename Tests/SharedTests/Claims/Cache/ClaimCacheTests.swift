import Claims
import Redis
import RuntimeSupport
import Testing

@Suite struct ClaimCacheTests {
    private let id = String(repeating: "0", count: 40)
    private let hash = "claims:claim:" + String(repeating: "0", count: 40)

    private func message(user: String = "größe 1", coupon: String = "SALE") throws -> ClaimMessage {
        try ClaimMessage(
            id: #require(ClaimID(id)), userID: #require(UserID(user)), couponName: #require(CouponName(coupon)),
            createdAt: Timestamp(milliseconds: 1_795_368_454_123))
    }

    private func state(_ status: ClaimStatus, reason: String? = nil) throws -> Claim {
        var claim = try message().pendingClaim
        claim.status = status
        claim.reason = reason
        claim.attempts = 2
        claim.decidedAt = Timestamp(milliseconds: 1_795_368_460_456)
        return claim
    }

    /// A Redis with the few commands that the cache uses.
    private struct Hashes {
        var hashes: [String: [String: String]] = [:]
        var lifetimes: [String: String] = [:]

        mutating func send<Answer>(_ request: RedisRequest<Answer>) throws -> Answer {
            try request.answer(request.commands.map { run($0) }[...])
        }

        func entry(_ id: ClaimID) throws -> ClaimCache.Entry? {
            var copy = self
            return try copy.send(ClaimCache.lookUp(id))
        }

        private mutating func run(_ command: RedisCommand) -> RedisReply {
            switch command[0] {
            case "HSETNX":
                let isNew = hashes[command[1]]?[command[2]] == nil
                if isNew { hashes[command[1], default: [:]][command[2]] = command[3] }
                return .integer(isNew ? 1 : 0)
            case "HSET":
                for field in stride(from: 2, to: command.count, by: 2) {
                    hashes[command[1], default: [:]][command[field]] = command[field + 1]
                }
                return .integer(0)
            case "HMGET":
                return .array(command.dropFirst(2).map { hashes[command[1]]?[$0].map(RedisReply.string) ?? .null })
            case "EXPIRE":
                lifetimes[command[1]] = command[2]
                return .integer(1)
            case "PUBLISH":
                return .integer(0)
            default:
                return .error("ERR unknown command")
            }
        }
    }

    // MARK: Accepting

    @Test func anUnknownClaimHasNoEntry() throws {
        #expect(try Hashes().entry(message().id) == nil)
    }

    @Test func aNotedRequestIsNotAccepted() throws {
        var redis = Hashes()
        #expect(try redis.send(ClaimCache.note(message())))
        let entry = try #require(try redis.entry(message().id))
        #expect(!entry.isAccepted)
        #expect(try entry.request == message().pendingClaim)
        #expect(try entry.claim == message().pendingClaim)
        #expect(entry.state == nil)
    }

    @Test(arguments: ["u1", " u 1 ", "größe", "a  b", "1795368454123 SALE u1", "👩‍🚀"])
    func anyUserIDIsStored(_ user: String) throws {
        var redis = Hashes()
        _ = try redis.send(ClaimCache.note(message(user: user)))
        #expect(try redis.entry(message().id)?.request?.userID?.description == user)
    }

    @Test func theFirstRequestIsKept() throws {
        var redis = Hashes()
        #expect(try redis.send(ClaimCache.note(message(coupon: "FIRST"))))
        #expect(try !redis.send(ClaimCache.note(message(coupon: "SECOND"))))
        #expect(try redis.entry(message().id)?.request?.couponName?.description == "FIRST")
    }

    @Test func aConfirmedRequestIsAcceptedOnce() throws {
        var redis = Hashes()
        _ = try redis.send(ClaimCache.note(message()))
        #expect(try redis.send(ClaimCache.accept(message().id)))
        #expect(try !redis.send(ClaimCache.accept(message().id)))
        #expect(try redis.entry(message().id)?.isAccepted == true)
    }

    @Test func acceptanceIsKnownEvenIfTheRequestIsNot() throws {
        var redis = Hashes()
        _ = try redis.send(ClaimCache.accept(message().id))
        let entry = try #require(try redis.entry(message().id))
        #expect(entry.isAccepted)
        #expect(entry.claim == nil)
    }

    /// An unknown answer must lead to a publish; treating the request as a replay could lose the claim.
    @Test func aRefusedCommandCountsAsTheFirstRequest() throws {
        #expect(try ClaimCache.note(message()).answer([.error("OOM"), .integer(0)]))
        #expect(try ClaimCache.accept(message().id).answer([.error("OOM")]))
    }

    // MARK: Results

    @Test(arguments: ClaimStatus.allCases) func aStoredStateIsReadBackUnchanged(_ status: ClaimStatus) throws {
        var redis = Hashes()
        let claim = try state(status, reason: status == .cancelled ? nil : "größe: \"2\"")
        try redis.send(ClaimCache.store(claim))
        let entry = try #require(try redis.entry(claim.id))
        #expect(entry.isAccepted, "a worker received the claim, so the broker had confirmed it")
        #expect(entry.state == claim)
    }

    @Test func missingValuesStayUnknown() throws {
        var redis = Hashes()
        let claim = Claim(id: try message().id, status: .deadLettered)
        try redis.send(ClaimCache.store(claim))
        #expect(try redis.entry(claim.id)?.state == claim)
    }

    @Test func aLaterStateReplacesTheEarlierOne() throws {
        var redis = Hashes()
        try redis.send(ClaimCache.store(state(.deadLettered, reason: "lock_held")))
        let later = try message().pendingClaim
        try redis.send(ClaimCache.store(later))
        #expect(try redis.entry(later.id)?.state == later)
    }

    /// A worker that was frozen after it decided a claim may store that outcome after another worker cancelled the claim.
    @Test(arguments: [ClaimStatus.claimed, .pending, .deadLettered])
    func aCancelledClaimStaysCancelledWhateverIsStoredLater(_ late: ClaimStatus) throws {
        var redis = Hashes()
        let cancelled = try state(.cancelled)
        try redis.send(.all([ClaimCache.store(state(.claimed)), ClaimCache.store(cancelled)]))
        var old = try state(late, reason: late == .claimed ? nil : "lock_held")
        old.decidedAt = Timestamp(milliseconds: 1_795_368_455_000)
        try redis.send(ClaimCache.store(old))
        #expect(try redis.entry(cancelled.id)?.state == cancelled)
    }

    @Test func theStateTakesPrecedenceOverTheRequest() throws {
        var redis = Hashes()
        _ = try redis.send(ClaimCache.note(message()))
        try redis.send(ClaimCache.store(state(.claimed)))
        let entry = try #require(try redis.entry(message().id))
        #expect(entry.claim?.status == .claimed)
        #expect(entry.request?.status == .pending)
    }

    @Test func everyHashExpiresAfterMoreThanADay() throws {
        #expect(ClaimCache.lifetime > 24 * 3600)
        var noted = Hashes()
        _ = try noted.send(ClaimCache.note(message()))
        var stored = Hashes()
        try stored.send(ClaimCache.store(state(.claimed)))
        for redis in [noted, stored] {
            #expect(redis.lifetimes == [hash: String(ClaimCache.lifetime)])
            #expect(Array(redis.hashes.keys) == [hash])
        }
    }

    @Test(arguments: [RedisReply.null, .error("WRONGTYPE"), .array([]), .array([.null, .null]), .string("x")])
    func aMalformedReplyIsNoEntry(_ reply: RedisReply) throws {
        #expect(try ClaimCache.lookUp(message().id).answer([reply]) == nil)
    }

    @Test(arguments: ["", "{}", "x SALE u1", "1795368454123"])
    func aMalformedRequestIsNoEntry(_ text: String) throws {
        #expect(try Hashes(hashes: [hash: ["request": text]]).entry(message().id) == nil)
    }

    @Test func allChangesAreAnnouncedInOneMessage() throws {
        let other = try #require(ClaimID(String(repeating: "1", count: 40)))
        #expect(
            try ClaimCache.announce([message().id, other]).commands == [
                ["PUBLISH", "claims:changes", "\(id) \(other)"]
            ]
        )
    }

    @Test func publishedClaimsAreStoredBeforeTheyAreAnnounced() throws {
        var other = try state(.rejected, reason: "sold_out")
        other.id = try #require(ClaimID(String(repeating: "1", count: 40)))
        let request = ClaimCache.publish([try state(.claimed), other])
        #expect(request.commands.last == ["PUBLISH", "claims:changes", "\(id) \(other.id)"])
        #expect(request.commands.count { $0[0] == "PUBLISH" } == 1)
        var redis = Hashes()
        try redis.send(request)
        #expect(try redis.entry(message().id)?.state == state(.claimed))
        #expect(try redis.entry(other.id)?.state == other)
    }

    @Test func publishingNoClaimsSendsNothing() {
        #expect(ClaimCache.publish([]).commands.isEmpty)
    }
}
