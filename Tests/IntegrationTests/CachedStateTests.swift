import Claims
import Foundation
import Redis
import RuntimeSupport
import Testing

extension IntegrationTests {
    /// What Redis keeps of a claim does not depend on the order of the writes.
    @Suite struct CachedStates {
        private let redis: RedisConnection

        init() throws {
            redis = try RedisConnection(try Setup.stores().redis, timeout: .seconds(5))
        }

        private func message(_ user: String = "ann", coupon: String = "FLASH_SALE") throws -> ClaimMessage {
            let issuer = ClaimIDIssuer(secret: "tests")
            let (userID, key) = (UserID(user), IdempotencyKey(headerValue: UUID().uuidString))
            let time = Timestamp(milliseconds: 1_795_368_454_123)
            return try ClaimMessage(
                id: issuer.id(user: #require(userID), key: #require(key), at: time), userID: #require(userID),
                couponName: #require(CouponName(coupon)), createdAt: time)
        }

        /// All states of a claim in their order: a retry, a replay, a discard, a restore, a replay, a decision, a cancel.
        private func history(_ message: ClaimMessage) -> [ClaimState] {
            let steps: [(ClaimStatus, String?, Int)] = [
                (.pending, "database_error", 1), (.deadLettered, "database_error", 4), (.pending, nil, 0),
                (.pending, "lock_held", 2), (.deadLettered, "lock_held", 4), (.discarded, "a note", 4),
                (.deadLettered, "lock_held", 4), (.pending, nil, 0), (.claimed, nil, 1), (.cancelled, nil, 1),
            ]
            return steps.enumerated().map { index, step in
                let time = Timestamp(milliseconds: message.createdAt.milliseconds + Int64(index + 1) * 1000)
                var claim = message.pendingClaim
                (claim.status, claim.reason, claim.attempts) = step
                if step.0 != .pending { claim.decidedAt = time }
                return ClaimState(claim, at: time)
            }
        }

        private func stored(_ message: ClaimMessage) throws -> Claims.Claim? {
            try redis.send(ClaimCache.lookUp(message.id))?.claim
        }

        @Test func aLateWriteNeverReplacesALaterState() throws {
            let states = history(try message())
            for (index, later) in states.enumerated() {
                for earlier in states[..<index] {
                    let message = try message()
                    func write(_ state: ClaimState) throws {
                        var claim = state.claim
                        claim.id = message.id
                        try redis.send(ClaimCache.publish([ClaimState(claim, at: state.time)]))
                    }
                    try write(earlier)
                    try write(later)
                    try write(earlier)
                    var expected = later.claim
                    expected.id = message.id
                    #expect(try stored(message) == expected)
                }
            }
        }

        @Test func aLateRequestChangesNothing() throws {
            let message = try message()
            let claimed = history(message)[8]
            try redis.send(ClaimCache.publish([claimed]))
            let earlier = try redis.send(ClaimCache.note(message))
            #expect(earlier?.claim == claimed.claim)
            #expect(try redis.send(ClaimCache.accept(message.id, lane: 900, number: nil)).isFirst)
            #expect(try stored(message) == claimed.claim)
        }

        @Test func theFirstRequestIsKeptAndAcceptedOnce() throws {
            let message = try message()
            #expect(try redis.send(ClaimCache.note(message)) == nil)
            var other = message
            other.couponName = try #require(CouponName("OTHER"))
            let earlier = try #require(try redis.send(ClaimCache.note(other)))
            #expect(earlier.claim == message.pendingClaim && !earlier.isAccepted)
            #expect(try redis.send(ClaimCache.accept(message.id, lane: 900, number: 1)).isFirst)
            #expect(try !redis.send(ClaimCache.accept(message.id, lane: 900, number: 2)).isFirst)
            #expect(try redis.send(ClaimCache.note(message))?.isAccepted == true)
        }

        @Test func theAcceptanceIsKeptWhenAStateIsStored() throws {
            let message = try message()
            _ = try redis.send(ClaimCache.note(message))
            try redis.send(ClaimCache.publish([history(message)[8]]))
            #expect(
                try redis.send(ClaimCache.accept(message.id, lane: 900, number: 1)).isFirst, "decided before the answer"
            )
            try redis.send(ClaimCache.publish([history(message)[9]]))
            #expect(try !redis.send(ClaimCache.accept(message.id, lane: 900, number: 1)).isFirst)
        }

        @Test func anEditedRequestIsMarkedUntilItsEnd() throws {
            let message = try message()
            _ = try redis.send(ClaimCache.note(message))
            let states = history(message)
            try redis.send(.all([ClaimCache.publish([states[2]]), ClaimCache.markEdited(message.id)]))
            try redis.send(ClaimCache.publish([states[8]]))
            #expect(try redis.send(ClaimCache.lookUp(message.id))?.isEdited == true)
        }

        @Test func everyKeyExpires() throws {
            let (noted, accepted, stored) = (try message(), try message(), try message())
            _ = try redis.send(ClaimCache.note(noted))
            try redis.send(redis.send(ClaimCache.accept(accepted.id, lane: 900, number: 1)).rest)
            try redis.send(ClaimCache.publish([history(stored)[8]]))
            for message in [noted, accepted, stored] {
                let life = try redis.send(["TTL", RedisKeys.claim(message.id)]).integer
                #expect(try #require(life) > 24 * 3600)
            }
        }

        @Test func thePositionFollowsTheDecidedClaims() throws {
            let lane = 901
            _ = try redis.send(["DEL", RedisKeys.lane(lane)])
            // Few numbers before the digits in the keys start again.
            _ = try redis.send(["HSET", RedisKeys.lane(lane), "accepted", String(5 << 24 - 3)])
            let messages = try (0..<8).map { _ in try message() }
            for message in messages {
                let number = try redis.send(LaneQueue.takeNumber(lane: lane))
                _ = try redis.send(ClaimCache.note(message))
                _ = try redis.send(ClaimCache.accept(message.id, lane: lane, number: number))
            }
            func positions() throws -> [Int?] {
                try messages.map { try redis.send(LaneQueue.place(of: $0.id, lane: lane, now: .now())).position }
            }
            #expect(try positions().allSatisfy { $0 == nil }, "unnumbered claims may be in front of them")
            try redis.send(ClaimCache.publish(messages[..<1].map { history($0)[8] }, lane: lane))
            #expect(try positions() == [nil, 1, nil, 3, 4, 5, 6, 7], "the digits 0 mean no number")
            // A batch on both sides of the restart is counted up to its last claim before it.
            try redis.send(ClaimCache.publish(messages[1..<4].map { history($0)[8] }, lane: lane))
            #expect(try positions() == [nil, nil, nil, 2, 3, 4, 5, 6])
            try redis.send(ClaimCache.publish(messages[4..<5].map { history($0)[8] }, lane: lane))
            #expect(try positions() == [nil, nil, nil, nil, nil, 1, 2, 3])
        }

        @Test func aPendingClaimTakesLessThan200Bytes() throws {
            try Cache.send("FLUSHALL")
            func used() throws -> Int64 { try #require(try redis.send(RedisMemory.lookUp)).used }
            let count = 30_000
            let before = try used()
            let messages = try (0..<count).map { try message("user-\($0)") }
            for batch in stride(from: 0, to: count, by: 500).map({ messages[$0..<$0 + 500] }) {
                _ = try redis.send(RedisRequest.all(batch.map(ClaimCache.note)))
                _ = try redis.send(RedisRequest.all(batch.map { ClaimCache.accept($0.id, lane: 900, number: 77) }))
            }
            let bytes = Double(try used() - before) / Double(count)
            #expect(bytes < 200)
            try Cache.send("FLUSHALL")
        }
    }
}
