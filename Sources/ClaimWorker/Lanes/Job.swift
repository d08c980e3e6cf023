import Broker
import Claims
import OrderedCollections

/// A message that a lane took from the broker and has yet to acknowledge.
struct Job: Sendable {
    /// The broker's delivery tag.
    let tag: UInt64
    let message: BrokerMessage
    let headers: ClaimHeaders
    /// How often it came back from a worker that died or let it go.
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

    /// The claim; nil if it could not be read.
    var claim: ClaimMessage? { try? content.get() }

    /// Whether it asks for a claim to be cancelled. Its failing says nothing of the claim, which stays what it is.
    var isCancel: Bool {
        claim.map { $0.action == .cancel } ?? (message.properties.type == ClaimHeaders.cancelType)
    }

    /// The number of the try that is under way, from 1.
    var attempt: Int { headers.attempts + 1 }
}
