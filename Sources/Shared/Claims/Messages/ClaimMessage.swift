internal import Foundation
package import Observability
package import RuntimeSupport

/// The action that a message requests.
package enum ClaimAction: String, Hashable, Sendable {
    /// Decide the claim.
    case claim
    /// Cancel the claim and give its coupon back.
    case cancel
}

/// An accepted claim or cancellation, as a message carries it.
package struct ClaimMessage: Hashable, Sendable {
    /// The most claims of one message.
    ///
    /// The broker's cost is per message. With 16 claims it is a tenth of a claim's whole cost already, and a message of
    /// that size is still small: all that a worker holds is bounded by the number of messages.
    package static let maximumPerMessage = 16

    package var id: ClaimID
    package var userID: UserID
    package var couponName: CouponName
    /// When the API accepted the claim or cancellation. The start and end of a coupon apply to this time.
    package var createdAt: Timestamp
    package var action: ClaimAction
    /// The span of the request that submitted it; nil if that is not traced. A header carries it, see ``TraceHeaders``.
    package var trace: TraceContext?

    package init(
        id: ClaimID, userID: UserID, couponName: CouponName, createdAt: Timestamp, action: ClaimAction = .claim,
        trace: TraceContext? = nil
    ) {
        self.id = id
        self.userID = userID
        self.couponName = couponName
        self.createdAt = createdAt
        self.action = action
        self.trace = trace
    }

    /// The claim before its first attempt.
    package var pendingClaim: Claim {
        Claim(id: id, userID: userID, couponName: couponName, createdAt: createdAt)
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

    static func unsupported(version: Int) -> UnreadableMessage {
        UnreadableMessage("version \(version) is not supported", code: .unsupportedVersion)
    }
}
