import OrderedCollections
import Shared
import Testing

@testable import ClaimWorker

@Suite struct SetbackTests {
    private let time = Timestamp(milliseconds: 1_795_368_460_000)

    private func setback(_ job: Job, code: String = "lock_held") throws -> Setback {
        Setback(
            job, code: code, message: "it failed", worker: "w1", at: time,
            schedule: try #require(RetrySchedule("500,5000,30000")))
    }

    @Test(arguments: [(0, 0, 500), (1, 1, 5000), (2, 2, 30000)])
    func aFailedAttemptIsRetriedAsTheScheduleSays(_ attempts: Int, _ queue: Int, _ delay: Int) throws {
        let setback = try setback(.made(1, attempts: attempts))
        #expect(setback.step == .retry(queue: queue, delay: delay))
        #expect(!setback.isFinal)
        #expect(setback.failure.attempt == attempts + 1)
    }

    @Test func theFourthFailureIsTheLast() throws {
        #expect(try setback(.made(1, attempts: 3)).isFinal)
    }

    @Test func whatCannotBeReadIsNotRetried() throws {
        #expect(try setback(.made(1, body: "nonsense"), code: "unreadable").isFinal)
    }

    @Test func whatKillsItsWorkersIsNotRetried() throws {
        #expect(try setback(.made(1), code: Suspects.code).isFinal)
    }

    // MARK: The claim

    @Test func aClaimToBeRetriedIsPendingAndSaysWhy() throws {
        let claim = try #require(try setback(.made(1, attempts: 1)).claim)
        #expect(claim.id == Job.made(1).claim?.id)
        #expect(claim.status == .pending)
        #expect(claim.reason == "lock_held")
        #expect(claim.attempts == 2)
        #expect(claim.userID?.description == "u1")
        #expect(claim.couponName?.description == "SALE")
        #expect(claim.createdAt == Job.made(1).claim?.createdAt)
        #expect(claim.decidedAt == nil)
    }

    @Test func aClaimThatIsGivenUpIsDeadLettered() throws {
        let claim = try #require(try setback(.made(1, attempts: 3), code: "database_error").claim)
        #expect(claim.status == .deadLettered)
        #expect(claim.reason == "database_error")
        #expect(claim.attempts == 4)
        #expect(claim.decidedAt == time)
    }

    @Test func anUnreadableClaimIsKnownByItsMessagesID() throws {
        let claim = try #require(try setback(.made(1, body: "nonsense"), code: "unreadable").claim)
        #expect(claim.id == Job.made(1).claim?.id)
        #expect(claim.status == .deadLettered)
        #expect(claim.attempts == 1)
        #expect(claim.userID == nil)
        #expect(claim.couponName == nil)
    }

    @Test(arguments: [nil, "", "not a claim's id"])
    func aStrangersMessageIsNoClaim(_ messageID: String?) throws {
        var message = BrokerMessage(properties: MessageProperties(), body: Array("nonsense".utf8))
        message.properties.messageID = messageID
        let job = Job(Delivery(tag: 1, redelivered: false, exchange: "", routingKey: "", message: message))
        #expect(try setback(job, code: "unreadable").claim == nil)
    }

    @Test(arguments: [0, 3]) func aCancelThatFailsLeavesTheClaimAsItIs(_ attempts: Int) throws {
        let setback = try setback(.cancel(1, attempts: attempts), code: "database_error")
        #expect(setback.claim == nil)
        #expect(setback.isFinal == (attempts == 3))
        #expect(try self.setback(.cancel(1, body: "nonsense"), code: "unreadable").claim == nil)
    }

    // MARK: The copy

    @Test func aDeadCancelIsToldFromADeadClaim() throws {
        let copy = try setback(.cancel(1, attempts: 3)).copy(lane: 6)
        #expect(copy.routingKey == "claims.dead")
        #expect(copy.message.properties.type == "cancel")
        #expect(copy.message.properties.messageID == Job.made(1).message.properties.messageID)
    }

    @Test func aRetryGoesThroughItsDelayQueueAndComesBackToItsLane() throws {
        let job = Job.made(1, attempts: 1)
        let copy = try setback(job).copy(lane: 6)
        #expect(copy.exchange == "claims.retry.1")
        #expect(copy.routingKey == "6")
        #expect(copy.message.properties.expiration == "5000")
        #expect(copy.message.body == job.message.body)
    }

    @Test func aRetryCarriesItsHistory() throws {
        let first = try setback(.made(1)).copy(lane: 0).message
        let job = Job(Delivery(tag: 2, redelivered: false, exchange: "", routingKey: "", message: first))
        let headers = ClaimHeaders(try setback(job, code: "database_error").copy(lane: 0).message.properties.headers)
        #expect(headers.attempts == 2)
        #expect(headers.failures.map(\.code) == ["lock_held", "database_error"])
        #expect(headers.failures.map(\.attempt) == [1, 2])
        #expect(headers.failures.map(\.worker) == ["w1", "w1"])
        #expect(headers.failures.map(\.message) == ["it failed", "it failed"])
    }

    @Test func aRetryDoesNotCarryTheBrokersCountOfReturns() throws {
        let copy = try setback(.made(1, returns: 4)).copy(lane: 0)
        #expect(copy.message.properties.headers["x-delivery-count"] == nil)
    }

    @Test func aDeadLetterGoesStraightIntoItsQueue() throws {
        let copy = try setback(.made(1, attempts: 3)).copy(lane: 6)
        #expect(copy.exchange == "")
        #expect(copy.routingKey == "claims.dead")
        #expect(copy.message.properties.expiration == nil)
        #expect(copy.message.properties.headers["reason"] == .string("lock_held"))
        #expect(copy.message.properties.headers["died_at"] == .string(time.description))
        #expect(ClaimHeaders(copy.message.properties.headers).attempts == 4)
    }
}
