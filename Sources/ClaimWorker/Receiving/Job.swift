import Broker
import Claims
import OrderedCollections

/// A claim or cancellation that a lane received from the broker and has not finished: a message, or a part of one.
struct Job: Sendable {
    /// The message and the place of the claim in it. The message is acknowledged when all its parts are finished.
    let part: AckLedger.Part
    let headers: ClaimHeaders
    /// How often the message was returned to the queue by a worker that died or let it go.
    let returns: Int
    let content: Result<ClaimMessage, UnreadableMessage>
    /// Whether the message has other claims as well.
    let isOneOfSeveral: Bool
    private let delivered: BrokerMessage
    /// For an unreadable claim of several: its own JSON, and its id if it has one.
    private let separate: (id: ClaimID?, body: [UInt8])?

    /// Returns the claims of a message in their order, at least one.
    static func all(in delivery: Delivery) -> [Job] {
        let headers = ClaimHeaders(delivery.message.properties.headers)
        let parts = ClaimMessageCoder.shared.decodeParts(delivery.message.body)
        return parts.enumerated().map { index, part in
            Job(delivery, headers, AckLedger.Part(tag: delivery.tag, index: index), part, of: parts.count)
        }
    }

    private init(
        _ delivery: Delivery, _ headers: ClaimHeaders, _ part: AckLedger.Part, _ decoded: ClaimMessageCoder.Part,
        of count: Int
    ) {
        self.part = part
        self.headers = headers
        delivered = delivery.message
        content = decoded.content
        separate = decoded.body.map { (id: decoded.id, body: $0) }
        isOneOfSeveral = count > 1
        let returns = delivery.message.properties.headers[ClaimHeaders.deliveryCount]?.integer ?? 0
        self.returns = max(Int(clamping: returns), delivery.redelivered ? 1 : 0)
    }

    /// The message with this claim alone.
    var message: BrokerMessage {
        guard isOneOfSeveral else { return delivered }
        if let claim {
            var message = BrokerMessage.claim(claim, encodedBy: .shared)
            message.properties.headers = delivered.properties.headers
            return message
        }
        var message = delivered
        message.properties.messageID = claimID?.description
        message.properties.type = nil
        message.body = separate?.body ?? []
        return message
    }

    /// The claim; nil if the body is unreadable.
    var claim: ClaimMessage? { try? content.get() }

    /// The claim's id, from the body or else from the message's properties; nil if neither has one.
    var claimID: ClaimID? { claim?.id ?? separate?.id ?? delivered.properties.messageID.flatMap(ClaimID.init) }

    /// Whether the number of returns suggests that processing the message kills its worker.
    var isSuspicious: Bool { returns >= PoisonMessageDetector.suspiciousReturns }

    /// Whether the claim has to become a message of its own, before the broker dead-letters the message with all its
    /// claims.
    var mustBeSeparated: Bool { isOneOfSeveral && returns >= PoisonMessageDetector.separatingReturns }

    /// Whether the message asks for a cancellation. If that fails, the claim keeps its state.
    var isCancel: Bool {
        claim.map { $0.action == .cancel } ?? (delivered.properties.type == ClaimHeaders.cancelType)
    }

    /// The number of the present attempt, from 1.
    var attempt: Int { headers.attempts + 1 }

    /// What is needed to decide the job; nil if the body is unreadable.
    var claimAttempt: ClaimAttempt? { claim.map { ClaimAttempt(claim: $0, number: attempt) } }

    /// The place in the order in which the claims of a lane were published.
    var order: (sequence: Int64, tag: UInt64, index: Int) { (headers.sequence ?? 0, part.tag, part.index) }
}
