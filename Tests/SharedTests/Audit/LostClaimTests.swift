import Claims
import Redis
import RuntimeSupport
import Testing

@testable import Audit

@Suite struct LostClaimTests {
    private let id: ClaimID

    init() throws { id = try #require(ClaimID(String(repeating: "0", count: 40))) }

    @Test(arguments: ClaimStatus.allCases) func aClaimWithoutARowIsLost(status: ClaimStatus) {
        #expect(LostClaim.isLost(known: status, stored: nil))
        #expect(!LostClaim.isLost(known: status, stored: status))
    }

    @Test func aRowWithAnEarlierStateThanRedisIsLost() {
        #expect(LostClaim.isLost(known: .cancelled, stored: .claimed))
        for known in [ClaimStatus.claimed, .rejected, .cancelled] {
            #expect(LostClaim.isLost(known: known, stored: .deadLettered))
        }
    }

    @Test func aRowWithALaterStateThanRedisIsNotLost() {
        for stored in ClaimStatus.allCases { #expect(!LostClaim.isLost(known: .pending, stored: stored)) }
        #expect(!LostClaim.isLost(known: .claimed, stored: .cancelled))
        #expect(!LostClaim.isLost(known: .deadLettered, stored: .discarded))
        #expect(!LostClaim.isLost(known: .deadLettered, stored: .claimed))
    }

    @Test func theMessagesRepeatWhatWasLost() throws {
        for status in [ClaimStatus.pending, .claimed, .rejected, .deadLettered] {
            #expect(try lost(status).messages.map(\.action) == [.claim])
        }
        #expect(try lost(.cancelled).messages.map(\.action) == [.claim, .cancel])
        #expect(try lost(.cancelled, stored: .claimed).messages.map(\.action) == [.cancel])
        #expect(try lost(.discarded).messages == [])
        let message = try #require(try lost(.claimed).messages.first)
        #expect(message.createdAt == Timestamp(milliseconds: 1000) && "\(message.couponName)" == "A")
    }

    /// All claims of a batch are decided at the same time, so the times alone do not tell who was promised a coupon.
    @Test func cancellationsAndPromisesAreRepairedFirst() throws {
        let claims = try [
            lost(.pending), lost(.rejected), lost(.claimed), lost(.cancelled), lost(.cancelled, stored: .claimed),
        ]
        let order = claims.sorted { $0.repairOrder < $1.repairOrder }
        #expect(order.prefix(3).map(\.status) == [.cancelled, .cancelled, .claimed])
        #expect(order.prefix(2).map(\.storedStatus) == [.claimed, nil])
        #expect(order.suffix(2).map(\.status) == [.rejected, .pending])
    }

    @Test func theAdviceChangesWhenTheClaimWasPublishedAgain() throws {
        #expect(try lost(.claimed).violation(isRequeued: false).detail.hasSuffix("publish it again with --requeue"))
        #expect(try lost(.claimed).violation(isRequeued: true).detail.hasSuffix("check with another audit"))
        #expect(try lost(.discarded).violation(isRequeued: true).detail.hasSuffix("it was discarded"))
    }

    @Test func aClaimWhoseRequestIsUnknownCannotBeRepeated() throws {
        let entry = try #require(try ClaimCache.lookUp(id).answer([.string("+----")]))
        let lost = LostClaim(id: id, known: entry, stored: nil)
        #expect(lost.messages == [] && lost.status == .pending)
        #expect(lost.nextStep.contains("new key"))
    }

    @Test func anUndecidedClaimMayWaitInAQueueThatIsNotEmpty() throws {
        let lane = try #require(CouponName("A")).lane(of: 8)
        let busy = queues([(Topology.workQueue(lane: lane), .lane(lane), 1)])
        #expect(busy.mayHold(try lost(.pending), lanes: 8))
        #expect(!busy.mayHold(try lost(.claimed), lanes: 8))
        let other = queues([("other", .lane((lane + 1) % 8), 1), (Topology.workQueue(lane: lane), .lane(lane), 0)])
        #expect(!other.mayHold(try lost(.pending), lanes: 8))
        #expect(queues([], unacknowledged: [lane]).mayHold(try lost(.pending), lanes: 8))
        #expect(queues([(Topology.retry(0), .retry, 1)]).mayHold(try lost(.pending), lanes: 8))
        #expect(!queues([(Topology.deadQueue, .deadLetters, 1)]).mayHold(try lost(.pending), lanes: 8))
        #expect(queues([(Topology.brokerDeadLetterQueue, .deadLetters, 1)]).mayHold(try lost(.pending), lanes: 8))
    }

    // MARK: Helpers

    private func lost(_ status: ClaimStatus, stored: ClaimStatus? = nil) throws -> LostClaim {
        let claim = Claim(
            id: id, status: status, userID: UserID("u1"), couponName: CouponName("A"),
            createdAt: Timestamp(milliseconds: 1000), decidedAt: status.isFinal ? Timestamp(milliseconds: 2000) : nil)
        let text = try #require(ClaimCache.publish([ClaimState(claim)]).commands.first?.last)
        let entry = try #require(try ClaimCache.lookUp(id).answer([.string("+----" + text)]))
        return LostClaim(id: id, known: entry, stored: stored)
    }

    private func queues(
        _ queues: [(String, QueueDepths.Kind, Int)], unacknowledged: Set<Int> = []
    ) -> BusyQueues {
        BusyQueues(
            QueueDepths(queues.map { QueueDepths.Queue(name: $0, kind: $1, messages: $2) }),
            unacknowledged: unacknowledged)
    }
}
