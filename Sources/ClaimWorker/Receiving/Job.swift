import Broker
import Claims
import Observability
import OrderedCollections

/// A claim or cancellation that a lane received from the broker and has not finished: a message, or a part of one.
struct Job: Sendable {
    /// The message and the place of the claim in it. The message is acknowledged when all its parts are finished.
    let part: AckLedger.Part
    let content: Result<ClaimMessage, UnreadableMessage>
    /// For an unreadable claim of several: its own JSON, and its id if it has one.
    private let separate: (id: ClaimID?, body: [UInt8])?
    private let received: Received

    /// What the claims of a message share. A lane holds thousands of claims, so it is stored once.
    private final class Received: Sendable {
        let message: BrokerMessage
        let headers: ClaimHeaders
        let returns: Int
        let claims: Int

        init(_ delivery: Delivery, claims: Int) {
            message = delivery.message
            headers = ClaimHeaders(delivery.message.properties.headers)
            let returns = delivery.message.properties.headers[ClaimHeaders.deliveryCount]?.integer ?? 0
            self.returns = max(Int(clamping: returns), delivery.redelivered ? 1 : 0)
            self.claims = claims
        }
    }

    /// Returns the claims of a message in their order, at least one.
    static func all(in delivery: Delivery) -> [Job] {
        let parts = ClaimMessageCoder.shared.decodeParts(delivery.message.body)
        let received = Received(delivery, claims: parts.count)
        return parts.enumerated().map { index, part in
            Job(received, AckLedger.Part(tag: delivery.tag, index: index), part)
        }
    }

    private init(_ received: Received, _ part: AckLedger.Part, _ decoded: ClaimMessageCoder.Part) {
        self.received = received
        self.part = part
        content = decoded.content
        separate = decoded.body.map { (id: decoded.id, body: $0) }
    }

    var headers: ClaimHeaders { received.headers }

    /// How often the message was returned to the queue by a worker that died or let it go.
    var returns: Int { received.returns }

    /// Whether the message has other claims as well.
    var isOneOfSeveral: Bool { received.claims > 1 }

    private var delivered: BrokerMessage { received.message }

    /// The message with this claim alone.
    var message: BrokerMessage {
        guard isOneOfSeveral else { return delivered }
        if let claim {
            var message = BrokerMessage.claim(claim, encodedBy: .shared)
            message.properties.headers = delivered.properties.headers
            TraceHeaders.separate(trace, in: &message.properties.headers)
            return message
        }
        var message = delivered
        message.properties.messageID = claimID?.description
        message.properties.type = nil
        TraceHeaders.separate(trace, in: &message.properties.headers)
        message.body = separate?.body ?? []
        return message
    }

    /// The span of the request that submitted the claim; nil if that is not traced.
    var trace: TraceContext? {
        TraceHeaders.trace(of: part.index, among: received.claims, in: delivered.properties.headers)
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
