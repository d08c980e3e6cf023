internal import Broker
internal import Claims
import Foundation
import OrderedCollections
internal import RuntimeSupport

/// A message of the dead-letter queue, as far as it can be understood. It may be anybody's: not JSON, empty, of another
/// version, without a header.
///
/// A class, since hundreds of thousands are sorted and counted, and never change.
final class DeadLetter: Sendable {
    /// The message, without what the broker counts on it while it lies there.
    let message: BrokerMessage
    let content: Result<ClaimMessage, UnreadableMessage>
    /// What it is called: the claim's id, else its message id, else one made from its content.
    let id: String
    /// Nil for what is no claim's.
    let claimID: ClaimID?
    /// As the body has it, if it can be understood so far.
    let couponName: String?
    let userID: String?
    /// A stable word for why it lies there; nil if nobody wrote one down.
    let reason: String?
    let attempts: Int
    /// Nil if nobody wrote it down.
    let diedAt: Timestamp?
    /// The failed attempts, oldest first.
    let failures: [FailedAttempt]
    private let order: (died: Int64, sequence: Int64, id: String)

    init(_ received: BrokerMessage) {
        var message = received
        message.properties.headers[ClaimHeaders.deliveryCount] = nil
        self.message = message
        let headers = ClaimHeaders(message.properties.headers)
        let table = message.properties.headers
        content = Result { () throws(UnreadableMessage) in try ClaimMessageCoder.shared.decode(message.body) }
        let name = message.properties.messageID.flatMap { $0.isEmpty ? nil : $0 }
        let written = (try? content.get()) == nil ? PartialBody(message.body) : nil
        if case .success(let claim) = content {
            claimID = claim.id
            couponName = claim.couponName.description
            userID = claim.userID.description
        } else {
            claimID = (name ?? written?.id).flatMap(ClaimID.init)
            couponName = written?.couponName.map { CouponName($0)?.description ?? $0 }
            userID = written?.userID
        }
        id = claimID?.description ?? name ?? message.contentID
        reason = table[ClaimHeaders.reason]?.string ?? message.brokersReason
        attempts = headers.attempts
        diedAt = table[ClaimHeaders.diedAt]?.string.flatMap(Timestamp.init) ?? message.brokersDeath
        failures = headers.failures
        order = (diedAt?.milliseconds ?? .min, headers.sequence ?? 0, id)
    }

    /// The claim that it holds; nil if the body can't be read.
    var claim: ClaimMessage? { try? content.get() }

    /// Whether it asks for a coupon. Other messages of a claim may die without the claim's being dead-lettered.
    private var isClaim: Bool { message.properties.type.map { $0 == ClaimHeaders.claimType } ?? true }

    /// Whether it asks for a claim to be cancelled. The claim stays claimed while it lies here.
    var isCancel: Bool { claim?.action == .cancel }

    /// What the last failed attempt said, or what is wrong with the body.
    var error: String? {
        if let last = failures.last, !last.message.isEmpty { return last.message }
        if case .failure(let error) = content { return error.detail }
        return nil
    }

    /// How long it has lain there, in seconds.
    func age(at now: Timestamp) -> Int? {
        diedAt.map { max(0, Int(now.seconds(since: $0))) }
    }

    /// Whether it died before another one. What died at an unknown time comes first.
    ///
    /// The broker gives out what lies in the queue in no order, so this alone makes each look the same.
    static func diedBefore(_ left: DeadLetter, _ right: DeadLetter) -> Bool {
        if left.order == right.order { return left.message.fingerprint < right.message.fingerprint }
        return left.order < right.order
    }

    /// The claim as its row reads while the message lies in the queue; nil for what is no claim's.
    var deadLetteredClaim: Claim? {
        guard let claimID, isClaim else { return nil }
        return Claim(
            id: claimID, status: .deadLettered, reason: reason ?? "unknown", userID: claim?.userID,
            couponName: claim?.couponName, attempts: attempts, createdAt: claim?.createdAt,
            decidedAt: diedAt ?? .now())
    }

    /// The lane that its coupon travels. What has none can take any.
    func lane(of lanes: Int) -> Int {
        couponName.flatMap(CouponName.init)?.lane(of: lanes) ?? 0
    }

    /// What can be made out in a body that is not a claim of today.
    private struct PartialBody {
        var id, userID, couponName: String?

        init?(_ body: [UInt8]) {
            guard body.first(where: { !$0.isSpace }) == UInt8(ascii: "{"),
                let object = try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any]
            else { return nil }
            id = object["id"] as? String
            userID = object["user_id"] as? String
            couponName = object["coupon_name"] as? String
        }
    }
}

extension UInt8 {
    fileprivate var isSpace: Bool { self == 0x20 || (0x09...0x0d).contains(self) }
}
