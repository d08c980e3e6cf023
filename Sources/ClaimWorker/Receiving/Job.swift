import Broker
import Claims
import OrderedCollections

/// A message that a lane received from the broker and has not acknowledged.
struct Job: Sendable {
    /// The broker's delivery tag.
    let tag: UInt64
    let message: BrokerMessage
    let headers: ClaimHeaders
    /// How often the message was returned to the queue by a worker that died or let it go.
    let returns: Int
    let content: Result<ClaimMessage, UnreadableMessage>

    init(_ delivery: Delivery) {
        tag = delivery.tag
        message = delivery.message
        headers = ClaimHeaders(delivery.message.properties.headers)
        let count = delivery.message.properties.headers[ClaimHeaders.deliveryCount]?.integer ?? 0
        returns = max(Int(clamping: count), delivery.redelivered ? 1 : 0)
        content = Result { () throws(UnreadableMessage) in
            try ClaimMessageCoder.shared.decode(delivery.message.body)
        }
    }

    /// The claim; nil if the body is unreadable.
    var claim: ClaimMessage? { try? content.get() }

    /// The claim's id, from the body or else from the message's properties; nil if neither has one.
    var claimID: ClaimID? { claim?.id ?? message.properties.messageID.flatMap(ClaimID.init) }

    /// Whether the number of returns suggests that processing the message kills its worker.
    var isSuspicious: Bool { returns >= PoisonMessageDetector.suspiciousReturns }

    /// Whether the message asks for a cancellation. If that fails, the claim keeps its state.
    var isCancel: Bool {
        claim.map { $0.action == .cancel } ?? (message.properties.type == ClaimHeaders.cancelType)
    }

    /// The number of the present attempt, from 1.
    var attempt: Int { headers.attempts + 1 }

    /// What is needed to decide the job; nil if the body is unreadable.
    var claimAttempt: ClaimAttempt? { claim.map { ClaimAttempt(claim: $0, number: attempt) } }
}
