internal import Foundation
package import RuntimeSupport

/// The action that a message requests.
package enum ClaimAction: String, Hashable, Sendable {
    /// Decide the claim.
    case claim
    /// Cancel the claim and give its coupon back.
    case cancel
}

/// The body of a message in the work queues: an accepted claim or cancellation, as versioned JSON.
package struct ClaimMessage: Hashable, Sendable {
    /// The supported version.
    package static let currentVersion = 1

    package var id: ClaimID
    package var userID: UserID
    package var couponName: CouponName
    /// When the API accepted the claim or cancellation. The start and end of a coupon apply to this time.
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

    /// The claim before its first attempt.
    package var pendingClaim: Claim {
        Claim(id: id, userID: userID, couponName: couponName, createdAt: createdAt)
    }
}

/// Encodes and decodes message bodies.
package struct ClaimMessageCoder: Sendable {
    /// Shared by all threads: its coders are never changed.
    package static let shared = ClaimMessageCoder()

    private let decoder = JSONDecoder()
    private let encoder = JSONEncoder()

    /// The JSON fields. Only strings and integers, because each nested custom type costs the coders a container.
    private struct Fields: Codable {
        var version: Int
        var id: String
        var user_id: String
        var coupon_name: String
        var created_at: String
        /// Absent in a claim.
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
        // Strings and integers can always be encoded.
        guard let data = try? encoder.encode(fields) else { preconditionFailure("a claim message is always JSON") }
        return Array(data)
    }

    /// - Throws: ``UnreadableMessage``.
    package func decode(_ body: [UInt8]) throws(UnreadableMessage) -> ClaimMessage {
        struct Version: Decodable { var version: Int }
        let data = Data(body)
        let fields: Fields
        do {
            fields = try decoder.decode(Fields.self, from: data)
        } catch {
            if let other = try? decoder.decode(Version.self, from: data), other.version != ClaimMessage.currentVersion {
                throw .unsupported(version: other.version)
            }
            throw UnreadableMessage((error as? DecodingError)?.message ?? "the body is not JSON")
        }
        guard fields.version == ClaimMessage.currentVersion else {
            throw .unsupported(version: fields.version)
        }
        guard let id = ClaimID(fields.id) else { throw UnreadableMessage("id is not a claim id") }
        guard let userID = UserID(fields.user_id) else { throw UnreadableMessage("user_id \(UserID.rule)") }
        guard let couponName = CouponName(fields.coupon_name) else {
            throw UnreadableMessage("coupon_name \(CouponName.rule)")
        }
        guard let createdAt = Timestamp(fields.created_at) else {
            throw UnreadableMessage("created_at must be a time as in RFC 3339")
        }
        guard let action = ClaimAction(rawValue: fields.action ?? ClaimAction.claim.rawValue) else {
            throw UnreadableMessage("action is not supported")
        }
        return ClaimMessage(id: id, userID: userID, couponName: couponName, createdAt: createdAt, action: action)
    }
}

/// A message body that is not valid or has an unsupported version.
package struct UnreadableMessage: Error, Hashable, Sendable {
    /// ``FailureCode/unreadable`` or ``FailureCode/unsupportedVersion``.
    package let code: FailureCode
    /// Says what is wrong, naming the field if there is one.
    package let detail: String

    package init(_ detail: String, code: FailureCode = .unreadable) {
        self.code = code
        self.detail = detail
    }

    fileprivate static func unsupported(version: Int) -> UnreadableMessage {
        UnreadableMessage("version \(version) is not supported", code: .unsupportedVersion)
    }
}
