internal import Foundation

/// The body of a message in the work queues: one claim that was accepted, as JSON with a version.
package struct ClaimMessage: Codable, Hashable, Sendable {
    /// The only version so far. A body of another version is unreadable, never guessed at.
    package static let currentVersion = 1

    package var version = ClaimMessage.currentVersion
    package var id: ClaimID
    package var userID: UserID
    package var couponName: CouponName
    /// When the API took the claim; the coupon's times are held against this.
    package var createdAt: Timestamp

    enum CodingKeys: String, CodingKey {
        case version, id
        case userID = "user_id"
        case couponName = "coupon_name"
        case createdAt = "created_at"
    }

    package init(id: ClaimID, userID: UserID, couponName: CouponName, createdAt: Timestamp) {
        self.id = id
        self.userID = userID
        self.couponName = couponName
        self.createdAt = createdAt
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

    package init() {
        encoder.outputFormatting = [.withoutEscapingSlashes]
    }

    package func encode(_ message: ClaimMessage) -> [UInt8] {
        // Every field is a string or a small number; there is nothing that JSON could not hold.
        guard let data = try? encoder.encode(message) else { preconditionFailure("a claim message is always JSON") }
        return Array(data)
    }

    /// - Throws: ``UnreadableMessage`` saying what is wrong with it.
    package func decode(_ body: [UInt8]) throws(UnreadableMessage) -> ClaimMessage {
        struct Version: Decodable { var version: Int }
        let data = Data(body)
        do {
            let message = try decoder.decode(ClaimMessage.self, from: data)
            guard message.version == ClaimMessage.currentVersion else {
                throw UnreadableMessage("version \(message.version) is not known here")
            }
            return message
        } catch let error as UnreadableMessage {
            throw error
        } catch let error as DecodingError {
            if let other = try? decoder.decode(Version.self, from: data), other.version != ClaimMessage.currentVersion {
                throw UnreadableMessage("version \(other.version) is not known here")
            }
            throw UnreadableMessage(error.inWords)
        } catch {
            throw UnreadableMessage("the body is not JSON")
        }
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
