import Broker
import Claims
import OrderedCollections
import Testing

@testable import ClaimWorker

@Suite struct JobTests {
    private func job(_ headers: AMQPTable, redelivered: Bool = false) -> Job {
        var message = BrokerMessage.claim(.made(1), encodedBy: .shared)
        message.properties.headers = headers
        return .only(in: Delivery(tag: 1, redelivered: redelivered, exchange: "", routingKey: "", message: message))
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

    // MARK: Several claims

    /// Returns the jobs of a message whose body has several claims, or of this body.
    private func jobs(
        _ claims: [ClaimMessage], body: String? = nil, headers: AMQPTable = [:], tag: UInt64 = 1
    ) -> [Job] {
        var message = BrokerMessage.claims(claims, encodedBy: .shared)
        message.properties.headers = headers
        if let body { message.body = Array(body.utf8) }
        return Job.all(
            in: Delivery(tag: tag, redelivered: false, exchange: "", routingKey: "", message: message))
    }

    private func json(_ claim: ClaimMessage) -> String {
        String(decoding: ClaimMessageCoder.shared.encode(claim), as: UTF8.self)
    }

    @Test func theClaimsOfAMessageKeepTheirOrder() {
        let jobs = jobs([.made(3), .made(1), .made(2)], tag: 7)
        #expect(jobs.map(\.claim) == [.made(3), .made(1), .made(2)])
        #expect(jobs.map(\.part) == (0..<3).map { AckLedger.Part(tag: 7, index: $0) })
        #expect(jobs.map(\.isOneOfSeveral) == [true, true, true])
        #expect(jobs[0].order < jobs[1].order && jobs[1].order < jobs[2].order)
    }

    @Test func aClaimOfSeveralBecomesAMessageOfItsOwn() {
        let job = jobs([.made(1), .made(2)], headers: ["attempts": .int32(1), "sequence": .int64(9)])[1]
        #expect(job.message.body == BrokerMessage.claim(.made(2), encodedBy: .shared).body)
        #expect(job.message.properties.messageID == ClaimMessage.made(2).id.description)
        #expect(job.message.properties.type == "claim")
        #expect(job.message.properties.deliveryMode == 2)
        #expect(job.message.properties.headers["attempts"] == .int32(1))
        #expect(job.attempt == 2)
    }

    @Test func oneUnreadableClaimDoesNotAffectTheOthers() throws {
        let broken = json(.made(2)).replacing("\"coupon_name\":\"SALE\"", with: "\"coupon_name\":7")
        let body = #"{"version":2,"claims":[\#(json(.made(1))),\#(broken),5,\#(json(.made(3)))]}"#
        let jobs = jobs([.made(1), .made(2)], body: body)
        #expect(jobs.map(\.claim) == [.made(1), nil, nil, .made(3)])
        #expect(throws: UnreadableMessage("coupon_name must be a string")) { try jobs[1].content.get() }
        #expect(jobs[1].claimID == ClaimMessage.made(2).id)
        #expect(jobs[1].message.properties.messageID == ClaimMessage.made(2).id.description)
        #expect(String(decoding: jobs[1].message.body, as: UTF8.self).contains("\"coupon_name\":7"))
        #expect(jobs[2].claimID == nil)
        #expect(String(decoding: jobs[2].message.body, as: UTF8.self) == "5")
    }

    @Test(arguments: [
        #"{"version":2}"#, #"{"version":2,"claims":[]}"#, #"{"version":2,"claims":{}}"#, #"{"claims":[],"version":2}"#,
    ])
    func aBatchWithoutClaimsIsUnreadableAsAWhole(_ body: String) {
        let jobs = jobs([.made(1), .made(2)], body: body)
        #expect(jobs.count == 1)
        #expect(throws: UnreadableMessage("claims must be a list of 1 to 16 claims")) { try jobs[0].content.get() }
    }

    @Test func aBatchWithTooManyClaimsIsUnreadableAsAWhole() {
        let claims = (1...17).map { ClaimMessage.made($0) }
        #expect(jobs(claims).map(\.claim) == [nil])
        #expect(jobs(Array(claims.dropLast())).map(\.claim) == claims.dropLast())
    }

    @Test func theFieldsOfABatchMayComeInAnyOrder() {
        let claim = json(.made(1)).replacing(#""version":1,"#, with: "")
        #expect(jobs([], body: #"{"claims":[\#(claim)], "version": 2}"#).map(\.claim) == [.made(1)])
    }

    @Test func claimsAreSeparatedBeforeTheBrokerDeadLettersTheirMessage() {
        func mustBeSeparated(_ claims: [ClaimMessage], returns: Int64) -> [Bool] {
            jobs(claims, headers: ["x-delivery-count": .int64(returns)]).map(\.mustBeSeparated)
        }
        #expect(mustBeSeparated([.made(1), .made(2)], returns: 17) == [false, false])
        #expect(mustBeSeparated([.made(1), .made(2)], returns: 18) == [true, true])
        #expect(mustBeSeparated([.made(1)], returns: 19) == [false])
        #expect(PoisonMessageDetector.separatingReturns < Topology.deliveryLimit)
    }

    @Test func onlyAReadableMessageCanBeDecided() {
        #expect(Job.made(1, attempts: 2).claimAttempt == ClaimAttempt(claim: .made(1), number: 3))
        #expect(Job.made(1, body: "{}").claimAttempt == nil)
    }
}
