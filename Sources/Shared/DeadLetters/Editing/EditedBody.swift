internal import Broker
internal import Claims
import Foundation
internal import RuntimeSupport

/// A new body for a dead letter, checked by the rules of `POST /claims`.
struct EditedBody: Sendable {
    /// Which rule the body breaks.
    struct ValidationError: Error, CustomStringConvertible {
        let description: String
    }

    let claim: ClaimMessage

    private struct Fields: Decodable {
        let version: Int?
        let id: String?
        let user_id: String
        let coupon_name: String
        let created_at: String?
    }

    /// - Parameters:
    ///   - body: JSON with `user_id` and `coupon_name`. Missing fields are taken from the message.
    ///   - letter: the message whose body is replaced. It keeps its id.
    init(_ body: [UInt8], of letter: DeadLetter) throws(ValidationError) {
        let fields: Fields
        do {
            fields = try JSONDecoder().decode(Fields.self, from: Data(body))
        } catch {
            throw ValidationError(description: (error as? DecodingError)?.message ?? "the body is not JSON")
        }
        guard let user = UserID(fields.user_id) else { throw ValidationError(description: "user_id \(UserID.rule)") }
        guard let coupon = CouponName(fields.coupon_name) else {
            throw ValidationError(description: "coupon_name \(CouponName.rule)")
        }
        if let version = fields.version, version != ClaimMessageCoder.singleVersion {
            throw ValidationError(description: "version must be \(ClaimMessageCoder.singleVersion), or left out")
        }
        // A message without a claim's id gets one that is derived from its content.
        guard let id = letter.claimID ?? ClaimID(letter.message.contentID) else {
            throw ValidationError(description: "the message has no id")
        }
        if let given = fields.id, given != id.description {
            throw ValidationError(description: "id must be \(id), or left out")
        }
        var created = letter.claim?.createdAt ?? Self.earliestTime(of: letter)
        if let text = fields.created_at {
            guard let time = Timestamp(text) else {
                throw ValidationError(description: "created_at must be a time as in RFC 3339, or left out")
            }
            created = time
        }
        claim = ClaimMessage(id: id, userID: user, couponName: coupon, createdAt: created)
    }

    /// The earliest known time of the message. A coupon's start and end apply to the time when the claim was accepted.
    private static func earliestTime(of letter: DeadLetter) -> Timestamp {
        let now = Timestamp.now()
        // Some programs write milliseconds instead of seconds. A time in the future can't be right.
        if let sent = letter.message.properties.timestamp.map(Timestamp.init(secondsClamped:)), sent <= now {
            return sent
        }
        return letter.failures.first?.at ?? letter.diedAt ?? now
    }
}
