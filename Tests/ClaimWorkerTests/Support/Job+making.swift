import Broker
import Claims
import OrderedCollections
import RuntimeSupport

@testable import ClaimWorker

extension Job {
    /// Makes a claim as a lane receives it from the broker. Its id is derived from the tag.
    ///
    /// - Parameters:
    ///   - returns: how often it was returned to the queue.
    ///   - body: replaces the claim in the message.
    static func made(
        _ tag: UInt64, coupon: String = "SALE", sequence: Int64? = nil, returns: Int = 0, attempts: Int = 0,
        body: String? = nil
    ) -> Job {
        var message = BrokerMessage.claim(.made(Int(tag), coupon: coupon), encodedBy: .shared)
        if let body { message.body = Array(body.utf8) }
        if let sequence { message.properties.headers[ClaimHeaders.sequence] = .int64(sequence) }
        if returns > 0 { message.properties.headers[ClaimHeaders.deliveryCount] = .int64(Int64(returns)) }
        if attempts > 0 { message.properties.headers[ClaimHeaders.attempts] = .int32(Int32(attempts)) }
        return only(
            in: Delivery(tag: tag, redelivered: returns > 0, exchange: "claims", routingKey: "0", message: message))
    }

    /// Returns the job of a message with one claim.
    static func only(in delivery: Delivery) -> Job {
        let jobs = all(in: delivery)
        precondition(jobs.count == 1, "the message has \(jobs.count) claims")
        return jobs[0]
    }

    /// Makes the claims of one message.
    static func several(_ tag: UInt64, coupons: [String], returns: Int = 0) -> [Job] {
        let claims = coupons.enumerated().map { ClaimMessage.made(Int(tag) * 100 + $0, coupon: $1) }
        var message = BrokerMessage.claims(claims, encodedBy: .shared)
        if returns > 0 { message.properties.headers[ClaimHeaders.deliveryCount] = .int64(Int64(returns)) }
        return all(
            in: Delivery(tag: tag, redelivered: returns > 0, exchange: "claims", routingKey: "0", message: message))
    }

    var tag: UInt64 { part.tag }

    /// Makes the cancel of the claim with the same tag.
    static func cancel(_ tag: UInt64, attempts: Int = 0, body: String? = nil) -> Job {
        var claim = ClaimMessage.made(Int(tag))
        claim.action = .cancel
        var message = BrokerMessage.claim(claim, encodedBy: .shared)
        if let body { message.body = Array(body.utf8) }
        if attempts > 0 { message.properties.headers[ClaimHeaders.attempts] = .int32(Int32(attempts)) }
        return only(in: Delivery(tag: tag, redelivered: false, exchange: "claims", routingKey: "0", message: message))
    }
}

extension ClaimMessage {
    /// Makes a claim. Its id is derived from the number.
    static func made(_ number: Int, coupon: String = "SALE") -> ClaimMessage {
        let digits = String(number)
        guard
            let id = ClaimID(
                String(repeating: "0", count: 24 - digits.count) + digits + String(repeating: "0", count: 16)),
            let user = UserID("u\(number)"), let coupon = CouponName(coupon)
        else { preconditionFailure("invalid claim: \(number), \(coupon)") }
        return ClaimMessage(
            id: id, userID: user, couponName: coupon, createdAt: Timestamp(milliseconds: 1_795_368_454_123))
    }
}

extension CouponName {
    /// Makes a name that has to be valid.
    static func made(_ name: String) -> CouponName {
        guard let coupon = CouponName(name) else { preconditionFailure("invalid name: \(name)") }
        return coupon
    }
}
