import Broker
import Claims
import OrderedCollections
import RuntimeSupport
import Testing

@testable import ClaimWorker

@Suite struct FailedJobTests {
    private let time = Timestamp(milliseconds: 1_795_368_460_000)

    private func failedJob(_ job: Job, _ code: FailureCode = .lockHeld) throws -> FailedJob {
        FailedJob(
            job, code: code, message: "it failed", worker: "w1", at: time,
            schedule: try #require(RetrySchedule("500,5000,30000")))
    }

    @Test(arguments: [(0, 0, 500), (1, 1, 5000), (2, 2, 30000)])
    func aFailedAttemptIsRetriedAccordingToTheSchedule(_ attempts: Int, _ queue: Int, _ delay: Int) throws {
        let failedJob = try failedJob(.made(1, attempts: attempts))
        #expect(failedJob.step == .retry(queue: queue, delay: delay))
        #expect(!failedJob.isDeadLettered)
        #expect(failedJob.failure.attempt == attempts + 1)
    }

    @Test func theFourthFailureIsDeadLettered() throws {
        #expect(try failedJob(.made(1, attempts: 3)).isDeadLettered)
    }

    @Test func anUnreadableMessageIsNotRetried() throws {
        #expect(try failedJob(.made(1, body: "nonsense"), .unreadable).isDeadLettered)
    }

    @Test func aPoisonMessageIsNotRetried() throws {
        #expect(try failedJob(.made(1), .deliveryLimit).isDeadLettered)
    }

    // MARK: The claim

    @Test func aRetriedClaimIsPendingWithAReason() throws {
        let claim = try #require(try failedJob(.made(1, attempts: 1)).claim)
        #expect(claim.id == Job.made(1).claim?.id)
        #expect(claim.status == .pending)
        #expect(claim.reason == "lock_held")
        #expect(claim.attempts == 2)
        #expect(claim.userID?.description == "u1")
        #expect(claim.couponName?.description == "SALE")
        #expect(claim.createdAt == Job.made(1).claim?.createdAt)
        #expect(claim.decidedAt == nil)
    }

    @Test func aClaimWithoutRetriesLeftIsDeadLettered() throws {
        let claim = try #require(try failedJob(.made(1, attempts: 3), .databaseError).claim)
        #expect(claim.status == .deadLettered)
        #expect(claim.reason == "database_error")
        #expect(claim.attempts == 4)
        #expect(claim.decidedAt == time)
    }

    @Test func anUnreadableClaimIsIdentifiedByItsMessageID() throws {
        let claim = try #require(try failedJob(.made(1, body: "nonsense"), .unreadable).claim)
        #expect(claim.id == Job.made(1).claim?.id)
        #expect(claim.status == .deadLettered)
        #expect(claim.attempts == 1)
        #expect(claim.userID == nil)
        #expect(claim.couponName == nil)
    }

    @Test(arguments: [nil, "", "not a claim id"])
    func aMessageWithoutAClaimIDIsNoClaim(_ messageID: String?) throws {
        var message = BrokerMessage(properties: MessageProperties(), body: Array("nonsense".utf8))
        message.properties.messageID = messageID
        let job = Job.only(in: Delivery(tag: 1, redelivered: false, exchange: "", routingKey: "", message: message))
        #expect(try failedJob(job, .unreadable).claim == nil)
    }

    @Test(arguments: [0, 3]) func aFailedCancelLeavesTheClaimUnchanged(_ attempts: Int) throws {
        let failedJob = try failedJob(.cancel(1, attempts: attempts), .databaseError)
        #expect(failedJob.claim == nil)
        #expect(failedJob.isDeadLettered == (attempts == 3))
        #expect(try self.failedJob(.cancel(1, body: "nonsense"), .unreadable).claim == nil)
    }

    // MARK: The copy

    @Test func aDeadLetteredCancelKeepsItsType() throws {
        let copy = try failedJob(.cancel(1, attempts: 3)).copy(lane: 6)
        #expect(copy.routingKey == "claims.dead")
        #expect(copy.message.properties.type == "cancel")
        #expect(copy.message.properties.messageID == Job.made(1).message.properties.messageID)
    }

    @Test func aRetryPassesItsDelayQueueAndReturnsToItsLane() throws {
        let job = Job.made(1, attempts: 1)
        let copy = try failedJob(job).copy(lane: 6)
        #expect(copy.exchange == "claims.retry.1")
        #expect(copy.routingKey == "6")
        #expect(copy.message.properties.expiration == "5000")
        #expect(copy.message.body == job.message.body)
    }

    @Test func aRetryKeepsItsHistory() throws {
        let first = try failedJob(.made(1)).copy(lane: 0).message
        let job = Job.only(in: Delivery(tag: 2, redelivered: false, exchange: "", routingKey: "", message: first))
        let headers = ClaimHeaders(try failedJob(job, .databaseError).copy(lane: 0).message.properties.headers)
        #expect(headers.attempts == 2)
        #expect(headers.failures.map(\.code) == ["lock_held", "database_error"])
        #expect(headers.failures.map(\.attempt) == [1, 2])
        #expect(headers.failures.map(\.worker) == ["w1", "w1"])
        #expect(headers.failures.map(\.message) == ["it failed", "it failed"])
    }

    @Test func aRetryDropsTheBrokersDeliveryCount() throws {
        let copy = try failedJob(.made(1, returns: 4)).copy(lane: 0)
        #expect(copy.message.properties.headers["x-delivery-count"] == nil)
    }

    @Test func aDeadLetterIsPublishedToItsQueueDirectly() throws {
        let copy = try failedJob(.made(1, attempts: 3)).copy(lane: 6)
        #expect(copy.exchange == "")
        #expect(copy.routingKey == "claims.dead")
        #expect(copy.message.properties.expiration == nil)
        #expect(copy.message.properties.headers["reason"] == .string("lock_held"))
        #expect(copy.message.properties.headers["died_at"] == .string(time.description))
        #expect(ClaimHeaders(copy.message.properties.headers).attempts == 4)
    }
}
