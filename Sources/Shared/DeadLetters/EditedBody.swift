internal import Claims
import Foundation
internal import RuntimeSupport

/// A body that an operator wrote in place of one that failed, held to the rules of `POST /claims`.
///
/// Pure.
struct EditedBody: Sendable {
    /// Why it can't be taken.
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

    /// - Parameter letter: the message whose body it replaces. Its id stays.
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
        if let version = fields.version, version != ClaimMessage.currentVersion {
            throw ValidationError(description: "version must be \(ClaimMessage.currentVersion), or left out")
        }
        // What has no claim's id gets the one that its content makes.
        guard let id = letter.claimID ?? ClaimID(letter.message.contentID) else {
            throw ValidationError(description: "the message has no id")
        }
        if let written = fields.id, written != id.description {
            throw ValidationError(description: "id must be \(id), or left out")
        }
        var created = letter.claim?.createdAt ?? Self.firstSign(of: letter)
        if let text = fields.created_at {
            guard let time = Timestamp(text) else {
                throw ValidationError(description: "created_at must be a time as in RFC 3339, or left out")
            }
            created = time
        }
        claim = ClaimMessage(id: id, userID: user, couponName: coupon, createdAt: created)
    }

    /// The earliest time that the message tells: the coupon's times are held against when a claim was accepted.
    private static func firstSign(of letter: DeadLetter) -> Timestamp {
        let now = Timestamp.now()
        // Some programs write milliseconds where seconds belong; a claim was not accepted in the future.
        if let sent = letter.message.properties.timestamp.map(Timestamp.init(secondsClamped:)), sent <= now {
            return sent
        }
        return letter.failures.first?.at ?? letter.diedAt ?? now
    }
}
