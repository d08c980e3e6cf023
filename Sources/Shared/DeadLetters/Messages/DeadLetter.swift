package import Broker
package import Claims
import Foundation
internal import OrderedCollections
package import RuntimeSupport

/// A message of the dead-letter queue, read as far as possible.
///
/// Any program may have published it: it may be empty, not JSON, of another version, or without headers.
/// A class, because it is passed around as a whole and never changes.
package final class DeadLetter: Sendable {
    /// The message, without the header in which the broker counts its deliveries.
    package let message: BrokerMessage
    /// The claim in the body, or why the body can't be read. A body with several claims is none.
    package let content: Result<ClaimMessage, UnreadableMessage>
    /// The number of claims in the body, readable or not.
    package let claims: Int
    /// Identifies the message to operators: the claim's id, else the message id, else a digest of the content.
    package let id: String
    /// Nil for a message that belongs to no claim.
    package let claimID: ClaimID?
    /// The coupon that the body names, in its normal form where it has one.
    package let couponName: String?
    /// The coupon whose lane the message belongs to.
    private let laneCoupon: CouponName?
    package let userID: String?
    /// A stable word for why the message was dead-lettered; nil if none is recorded.
    package let reason: String?
    /// The attempts that the message's headers count.
    package let attempts: Int
    /// When the message was dead-lettered; nil if that is not recorded.
    package let diedAt: Timestamp?
    private let order: (died: Int64, sequence: Int64)

    /// One replay by an operator, as the message's headers record it.
    package struct Replay: Hashable, Sendable {
        package let at, by: String?
        /// Why the message had been dead-lettered.
        package let reason: String?
    }

    /// - Parameter received: the message as the broker delivered it.
    package init(_ received: BrokerMessage) {
        var message = received
        for name in ClaimHeaders.deliveryMarks { message.properties.headers[name] = nil }
        self.message = message
        let table = message.properties.headers
        let parts = ClaimMessageCoder.shared.decodeParts(message.body)
        claims = parts.count
        content =
            parts.count == 1 ? parts[0].content : .failure(UnreadableMessage("it has \(parts.count) claims"))
        let messageID = message.properties.messageID.flatMap { $0.isEmpty ? nil : $0 }
        if case .success(let claim) = content {
            claimID = claim.id
            couponName = claim.couponName.description
            userID = claim.userID.description
        } else {
            let partial = PartialBody(message.body)
            claimID = (messageID ?? partial?.id).flatMap(ClaimID.init)
            couponName = partial?.couponName.map { CouponName($0)?.description ?? $0 }
            userID = partial?.userID
        }
        // All claims of a message have the same lane.
        laneCoupon =
            parts.lazy.compactMap { try? $0.content.get().couponName }.first ?? couponName.flatMap(CouponName.init)
        id = claimID?.description ?? messageID ?? message.contentID
        reason = table[ClaimHeaders.reason]?.string ?? message.brokerDeadLetterReason
        attempts = ClaimHeaders.attempts(in: table)
        diedAt = table[ClaimHeaders.diedAt]?.string.flatMap(Timestamp.init) ?? message.brokerDeadLetterTime
        order = (diedAt?.milliseconds ?? .min, table[ClaimHeaders.sequence]?.integer ?? 0)
    }

    /// The failed attempts, oldest first.
    package var failures: [FailedAttempt] { ClaimHeaders(message.properties.headers).failures }

    /// The operators' replays of this message, oldest first.
    package var replays: [Replay] {
        (message.properties.headers[ClaimHeaders.replays]?.array ?? []).compactMap(\.table).map { replay in
            Replay(
                at: replay["at"]?.string, by: replay["by"]?.string, reason: replay[ClaimHeaders.reason]?.string)
        }
    }

    /// The claim in the body; nil if the body can't be read.
    package var claim: ClaimMessage? { try? content.get() }

    /// Whether the message asks to cancel a claim. The claim stays claimed while the message is here.
    package var isCancel: Bool {
        claim.map { $0.action == .cancel } ?? (message.properties.type == ClaimHeaders.cancelType)
    }

    /// The error of the last failed attempt, or what is wrong with the body; nil if neither is known.
    package var error: String? {
        if let last = ClaimHeaders.lastFailure(in: message.properties.headers), !last.message.isEmpty {
            return last.message
        }
        if case .failure(let error) = content { return error.detail }
        return nil
    }

    /// The seconds since the message was dead-lettered; nil if that time is unknown.
    package func age(at now: Timestamp) -> Int? {
        diedAt.map { max(0, Int(now.seconds(since: $0))) }
    }

    /// What an operator may call this message by: its id, its message id and its fingerprint.
    var names: [String] { [id, message.properties.messageID, message.fingerprint].compactMap(\.self) }

    /// Whether an operator means this message by `name`, one of its names.
    package func matches(id name: String) -> Bool {
        id == name || message.properties.messageID == name || message.fingerprint == name
    }

    /// The beginning of the ``sortKey``: without the fingerprint, which takes longest to compute.
    var sortPrefix: [UInt8] {
        var key: [UInt8] = []
        key.reserveCapacity(100)
        for number in [order.died, order.sequence] {
            // Big-endian with the sign bit flipped, bytes compare as the numbers do.
            withUnsafeBytes(of: (UInt64(bitPattern: number) ^ 1 << 63).bigEndian) { key += $0 }
        }
        key += id.utf8
        key.append(0)
        return key
    }

    /// Bytes that compare in the order of death: by time, sequence, id and fingerprint. An unknown time comes first.
    ///
    /// A total order, because the broker delivers the queue's messages in no particular order.
    var sortKey: [UInt8] { sortPrefix + message.fingerprint.utf8 }

    /// Whether a message was dead-lettered before another one, in the order of the ``sortKey``.
    package static func diedBefore(_ left: DeadLetter, _ right: DeadLetter) -> Bool {
        left.order == right.order
            ? left.sortKey.lexicographicallyPrecedes(right.sortKey) : left.order < right.order
    }

    /// The claim as its row reads while the message is in the queue; nil for a message that belongs to no claim.
    package var deadLetteredClaim: Claim? {
        guard let claimID, !isCancel else { return nil }
        // The headers do not count the attempt during which the broker itself dead-lettered the message.
        let isDeadLetteredByBroker =
            message.properties.headers[ClaimHeaders.reason]?.string == nil && message.brokerDeadLetterReason != nil
        return Claim(
            id: claimID, status: .deadLettered, reason: reason ?? "unknown", userID: claim?.userID,
            couponName: claim?.couponName, attempts: attempts + (isDeadLetteredByBroker ? 1 : 0),
            createdAt: claim?.createdAt, decidedAt: diedAt ?? .now())
    }

    /// The claim after a replay; nil for a message that belongs to no claim.
    package var reopenedClaim: Claim? {
        guard let claimID, !isCancel else { return nil }
        return claim?.pendingClaim ?? Claim(id: claimID)
    }

    /// The lane of the message's coupon; lane 0 for a message without one.
    ///
    /// - Parameter lanes: the number of lanes.
    package func lane(of lanes: Int) -> Int {
        laneCoupon?.lane(of: lanes) ?? 0
    }

    /// The fields of a body that is not a claim of the current version.
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
