import Broker
import Claims
import OrderedCollections
import Testing

@testable import ClaimWorker

@Suite struct JobTests {
    private func job(_ headers: AMQPTable, redelivered: Bool = false) -> Job {
        var message = BrokerMessage.claim(.made(1), encodedBy: .shared)
        message.properties.headers = headers
        return Job(Delivery(tag: 1, redelivered: redelivered, exchange: "", routingKey: "", message: message))
    }

    @Test func aNewClaimIsOnItsFirstAttempt() {
        #expect(job([:]).attempt == 1)
        #expect(job([:]).returns == 0)
        #expect(job([:]).claim == .made(1))
    }

    @Test func failedAttemptsAreCounted() {
        #expect(job(["attempts": .int32(3)]).attempt == 4)
    }

    @Test func theBrokersDeliveryCountIsTheNumberOfReturns() {
        #expect(job(["x-delivery-count": .int64(7)], redelivered: true).returns == 7)
        #expect(job(["x-delivery-count": .uint64(.max)], redelivered: true).returns >= 1)
    }

    @Test func aRedeliveredMessageHasReturnedAtLeastOnce() {
        #expect(job([:], redelivered: true).returns == 1)
    }

    @Test func aCancelIsRecognizedByItsBodyOrElseByItsType() {
        #expect(!job([:]).isCancel)
        #expect(Job.cancel(1).isCancel)
        #expect(Job.cancel(1, body: "{}").isCancel)
        #expect(!Job.made(1, body: "{}").isCancel)
    }

    @Test func anUnreadableBodyNamesTheError() {
        let job = Job.made(1, body: "{}")
        #expect(job.claim == nil)
        #expect(throws: UnreadableMessage("version is missing")) { try job.content.get() }
    }

    @Test func theClaimIDOfAnUnreadableMessageIsItsMessageID() {
        #expect(Job.made(1, body: "{}").claimID == ClaimMessage.made(1).id)
        #expect(job([:]).claimID == ClaimMessage.made(1).id)
    }

    @Test func onlyAReadableMessageCanBeDecided() {
        #expect(Job.made(1, attempts: 2).claimAttempt == ClaimAttempt(claim: .made(1), number: 3))
        #expect(Job.made(1, body: "{}").claimAttempt == nil)
    }
}
