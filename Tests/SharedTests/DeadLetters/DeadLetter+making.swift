import Broker
import Claims
import OrderedCollections
import RuntimeSupport

@testable import DeadLetters

extension DeadLetter {
    /// 2026-11-22T17:27:34.123Z, the default time of death.
    static let end = Timestamp(milliseconds: 1_795_368_454_123)

    /// A claim in the queue after its last attempt.
    static func made(
        _ number: Int = 1, coupon: String = "SALE", reason: String? = "lock_held", error: String = "held",
        died: Timestamp? = DeadLetter.end, headers: AMQPTable = [:]
    ) -> DeadLetter {
        DeadLetter(
            .made(number, coupon: coupon, reason: reason, error: error, died: died, headers: headers))
    }

    /// A cancel in the queue after its last attempt.
    static func cancel(_ number: Int = 1, died: Timestamp? = DeadLetter.end, headers: AMQPTable = [:]) -> DeadLetter {
        var message = BrokerMessage.made(number, died: died, headers: headers)
        var cancel = ClaimMessage.made(number)
        cancel.action = .cancel
        message.body = ClaimMessageCoder.shared.encode(cancel)
        message.properties.type = ClaimHeaders.cancelType
        return DeadLetter(message)
    }

    /// A message of another program.
    static func stray(_ body: String, messageID: String? = nil, headers: AMQPTable = [:]) -> DeadLetter {
        var properties = MessageProperties()
        properties.messageID = messageID
        properties.headers = headers
        return DeadLetter(BrokerMessage(properties: properties, body: Array(body.utf8)))
    }
}

extension BrokerMessage {
    /// A claim's message in the queue after its last attempt.
    static func made(
        _ number: Int = 1, coupon: String = "SALE", reason: String? = "lock_held", error: String = "held",
        died: Timestamp? = DeadLetter.end, headers: AMQPTable = [:]
    ) -> BrokerMessage {
        let failure = FailedAttempt(
            attempt: 4, at: DeadLetter.end, worker: "w1", code: reason ?? "unknown", message: error)
        let claim = ClaimMessage.made(number, coupon: coupon)
        var message = BrokerMessage.claim(claim, encodedBy: .shared).recording(failure)
        // The encoder writes the fields in any order.
        let fields = [
            #""version":1,"id":"\#(claim.id)","user_id":"\#(claim.userID)","coupon_name":"\#(claim.couponName)""#,
            #""created_at":"\#(claim.createdAt)""#,
        ]
        message.body = Array("{\(fields.joined(separator: ","))}".utf8)
        message.properties.headers[ClaimHeaders.reason] = reason.map(AMQPValue.string)
        message.properties.headers[ClaimHeaders.diedAt] = (died?.description).map(AMQPValue.string)
        for (name, value) in headers { message.properties.headers[name] = value }
        return message
    }
}

extension ClaimMessage {
    /// A claim whose id and user are derived from the number.
    static func made(_ number: Int, coupon: String = "SALE") -> ClaimMessage {
        let digits = String(number)
        guard
            let id = ClaimID(
                String(repeating: "0", count: 24 - digits.count) + digits + String(repeating: "0", count: 16)),
            let user = UserID("u\(number)"), let coupon = CouponName(coupon)
        else { preconditionFailure("not a claim: \(number), \(coupon)") }
        return ClaimMessage(
            id: id, userID: user, couponName: coupon, createdAt: Timestamp(milliseconds: 1_795_368_400_000))
    }
}
