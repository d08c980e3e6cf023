internal import Foundation
package import RuntimeSupport

/// What a message asks for.
package enum ClaimAction: String, Hashable, Sendable {
    /// Decide the claim.
    case claim
    /// Give back what the claim got.
    case cancel
}

/// The body of a message in the work queues: one claim that was accepted, or its cancelling, as JSON with a version.
package struct ClaimMessage: Hashable, Sendable {
    /// The only version so far. A body of another version is unreadable, never guessed at.
    package static let currentVersion = 1

    package var id: ClaimID
    package var userID: UserID
    package var couponName: CouponName
    /// When the API took the claim, or the wish to cancel it; the coupon's times are held against a claim's.
    package var createdAt: Timestamp
    package var action: ClaimAction

    package init(
        id: ClaimID, userID: UserID, couponName: CouponName, createdAt: Timestamp, action: ClaimAction = .claim
    ) {
        self.id = id
        self.userID = userID
        self.couponName = couponName
        self.createdAt = createdAt
        self.action = action
    }

    /// The claim as it reads before anything was tried.
    package var pendingClaim: Claim {
        Claim(id: id, userID: userID, couponName: couponName, createdAt: createdAt)
    }
}

/// Reads and writes message bodies.
package struct ClaimMessageCoder: Sendable {
    /// Its coders are never changed, so one serves all threads.
    package static let shared = ClaimMessageCoder()

    private let decoder = JSONDecoder()
    private let encoder = JSONEncoder()

    /// The fields as JSON has them. Plain types, since every nested type of one's own costs the coders a container.
    private struct Fields: Codable {
        var version: Int
        var id: String
        var user_id: String
        var coupon_name: String
        var created_at: String
        /// Not there in a claim.
        var action: String?
    }

    package init() {
        encoder.outputFormatting = [.withoutEscapingSlashes]
    }

    package func encode(_ message: ClaimMessage) -> [UInt8] {
        let fields = Fields(
            version: ClaimMessage.currentVersion, id: message.id.description, user_id: message.userID.description,
            coupon_name: message.couponName.description, created_at: message.createdAt.description,
            action: message.action == .claim ? nil : message.action.rawValue)
        // Every field is a string or a small number; there is nothing that JSON could not hold.
        guard let data = try? encoder.encode(fields) else { preconditionFailure("a claim message is always JSON") }
        return Array(data)
    }

    /// - Throws: ``UnreadableMessage`` saying what is wrong with it.
    package func decode(_ body: [UInt8]) throws(UnreadableMessage) -> ClaimMessage {
        struct Version: Decodable { var version: Int }
        let data = Data(body)
        let fields: Fields
        do {
            fields = try decoder.decode(Fields.self, from: data)
        } catch {
            if let other = try? decoder.decode(Version.self, from: data), other.version != ClaimMessage.currentVersion {
                throw UnreadableMessage("version \(other.version) is not known here")
            }
            throw UnreadableMessage((error as? DecodingError)?.message ?? "the body is not JSON")
        }
        guard fields.version == ClaimMessage.currentVersion else {
            throw UnreadableMessage("version \(fields.version) is not known here")
        }
        guard let id = ClaimID(fields.id) else { throw UnreadableMessage("id is not a claim's id") }
        guard let userID = UserID(fields.user_id) else { throw UnreadableMessage("user_id \(UserID.rule)") }
        guard let couponName = CouponName(fields.coupon_name) else {
            throw UnreadableMessage("coupon_name \(CouponName.rule)")
        }
        guard let createdAt = Timestamp(fields.created_at) else {
            throw UnreadableMessage("created_at must be a time as in RFC 3339")
        }
        guard let action = ClaimAction(rawValue: fields.action ?? ClaimAction.claim.rawValue) else {
            throw UnreadableMessage("action is not known here")
        }
        return ClaimMessage(id: id, userID: userID, couponName: couponName, createdAt: createdAt, action: action)
    }
}

/// A body that is no claim of a version that is known here. No retry can help.
package struct UnreadableMessage: Error, Hashable, Sendable {
    /// What is wrong, naming the field where there is one.
    package let detail: String

    package init(_ detail: String) {
        self.detail = detail
    }
}
