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

    /// As much of Redis as the cache asks for.
    private struct Hashes {
        var hashes: [String: [String: String]] = [:]
        var lifetimes: [String: String] = [:]

        mutating func run(_ commands: [RedisCommand]) -> [RedisReply] {
            commands.map { command in
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
                default:
                    return .error("ERR unknown command")
                }
            }
        }

        func entry(_ id: ClaimID) -> ClaimCache.Entry? {
            var copy = self
            return ClaimCache.entry(copy.run([ClaimCache.lookUp(id)])[0], of: id)
        }
    }

    @Test func nothingIsKnownOfAnUnknownClaim() throws {
        #expect(Hashes().entry(try message().id) == nil)
    }

    @Test func aRequestThatWasSeenIsNotAccepted() throws {
        var redis = Hashes()
        #expect(ClaimCache.wasFirst(redis.run(ClaimCache.note(try message()))))
        let entry = try #require(redis.entry(try message().id))
        #expect(!entry.isAccepted)
        #expect(try entry.request == message().pendingClaim)
        #expect(try entry.claim == message().pendingClaim)
        #expect(entry.state == nil)
    }

    @Test(arguments: ["u1", " u 1 ", "größe", "a  b", "1795368454123 SALE u1", "👩‍🚀"])
    func anyUserIsRemembered(_ user: String) throws {
        var redis = Hashes()
        _ = redis.run(ClaimCache.note(try message(user: user)))
        #expect(redis.entry(try message().id)?.request?.userID?.description == user)
    }

    @Test func theFirstRequestIsKept() throws {
        var redis = Hashes()
        _ = redis.run(ClaimCache.note(try message(coupon: "FIRST")))
        #expect(!ClaimCache.wasFirst(redis.run(ClaimCache.note(try message(coupon: "SECOND")))))
        #expect(redis.entry(try message().id)?.request?.couponName?.description == "FIRST")
    }

    @Test func aConfirmedRequestIsAcceptedOnce() throws {
        var redis = Hashes()
        _ = redis.run(ClaimCache.note(try message()))
        #expect(ClaimCache.wasFirst(redis.run(ClaimCache.accept(try message().id))))
        #expect(!ClaimCache.wasFirst(redis.run(ClaimCache.accept(try message().id))))
        #expect(redis.entry(try message().id)?.isAccepted == true)
    }

    @Test func acceptanceIsKnownEvenIfTheRequestIsNot() throws {
        var redis = Hashes()
        _ = redis.run(ClaimCache.accept(try message().id))
        let entry = try #require(redis.entry(try message().id))
        #expect(entry.isAccepted)
        #expect(entry.claim == nil)
    }

    @Test(arguments: ClaimStatus.allCases) func aClaimIsRememberedAsAWorkerLeftIt(_ status: ClaimStatus) throws {
        var redis = Hashes()
        let claim = try state(status, reason: status == .cancelled ? nil : "größe: \"2\"")
        _ = redis.run(ClaimCache.store(claim))
        let entry = try #require(redis.entry(claim.id))
        #expect(entry.isAccepted, "a worker had it, so the broker had it")
        #expect(entry.state == claim)
    }

    @Test func whatAClaimLacksStaysUnknown() throws {
        var redis = Hashes()
        let claim = Claim(id: try message().id, status: .deadLettered)
        _ = redis.run(ClaimCache.store(claim))
        #expect(redis.entry(claim.id)?.state == claim)
    }

    @Test func aLaterStateLeavesNothingOfTheEarlier() throws {
        var redis = Hashes()
        _ = redis.run(ClaimCache.store(try state(.deadLettered, reason: "lock_held")))
        let later = try message().pendingClaim
        _ = redis.run(ClaimCache.store(later))
        #expect(redis.entry(later.id)?.state == later)
    }

    /// A worker that was frozen after it had decided a claim may tell of that when another has cancelled it.
    @Test(arguments: [ClaimStatus.claimed, .pending, .deadLettered])
    func aCancelledClaimStaysCancelledWhateverIsWrittenLater(_ late: ClaimStatus) throws {
        var redis = Hashes()
        let cancelled = try state(.cancelled)
        _ = redis.run(ClaimCache.store(try state(.claimed)) + ClaimCache.store(cancelled))
        var old = try state(late, reason: late == .claimed ? nil : "lock_held")
        old.decidedAt = Timestamp(milliseconds: 1_795_368_455_000)
        _ = redis.run(ClaimCache.store(old))
        #expect(redis.entry(cancelled.id)?.state == cancelled)
    }

    @Test func theStateIsLaterThanTheRequest() throws {
        var redis = Hashes()
        _ = redis.run(ClaimCache.note(try message()) + ClaimCache.store(try state(.claimed)))
        let entry = try #require(redis.entry(try message().id))
        #expect(entry.claim?.status == .claimed)
        #expect(entry.request?.status == .pending)
    }

    @Test func everyClaimIsForgottenALittleMoreThanADayLater() throws {
        #expect(ClaimCache.lifetime > 24 * 3600)
        for commands in [ClaimCache.note(try message()), ClaimCache.store(try state(.claimed))] {
            var redis = Hashes()
            _ = redis.run(commands)
            #expect(redis.lifetimes == [hash: String(ClaimCache.lifetime)])
            #expect(Array(redis.hashes.keys) == [hash])
        }
    }

    /// Without an answer it has to be published; to take it for a repeat could lose it.
    @Test func aRefusedCommandCountsAsTheFirst() {
        #expect(ClaimCache.wasFirst([.error("OOM"), .integer(0)]))
        #expect(ClaimCache.wasFirst([]))
    }

    @Test(arguments: [RedisReply.null, .error("WRONGTYPE"), .array([]), .array([.null, .null]), .string("x")])
    func anAnswerOfAnotherShapeTellsNothing(_ reply: RedisReply) throws {
        #expect(ClaimCache.entry(reply, of: try message().id) == nil)
    }

    @Test(arguments: ["", "{}", "x SALE u1", "1795368454123"]) func aRequestThatCannotBeReadIsNotKnown(_ text: String)
        throws
    {
        #expect(Hashes(hashes: [hash: ["request": text]]).entry(try message().id) == nil)
    }

    @Test func allChangesAreAnnouncedInOneMessage() throws {
        let other = try #require(ClaimID(String(repeating: "1", count: 40)))
        #expect(ClaimCache.announce([try message().id, other]) == ["PUBLISH", "claims:changes", "\(id) \(other)"])
    }
}
