internal import Foundation
internal import RuntimeSupport

/// Encodes and decodes message bodies: versioned JSON.
///
/// ```
/// {"version":1,"id":…,"user_id":…,"coupon_name":…,"created_at":…,"action":"cancel"}
/// {"version":2,"claims":[{"id":…,"user_id":…,"coupon_name":…,"created_at":…}, …]}
/// ```
/// Version 1 is one claim, version 2 several of one lane in order. `action` is absent in a claim.
package struct ClaimMessageCoder: Sendable {
    /// The version of a body with one claim.
    package static let singleVersion = 1
    /// The version of a body with several claims.
    package static let batchVersion = 2

    /// Shared by all threads: its decoder is never changed.
    package static let shared = ClaimMessageCoder()

    private let decoder = JSONDecoder()

    /// One claim of a body.
    package struct Part: Hashable, Sendable {
        package let content: Result<ClaimMessage, UnreadableMessage>
        /// The JSON of an unreadable claim among several, as a body with one claim; nil for all others.
        package let body: [UInt8]?
        /// The id of an unreadable claim among several, if it has one; nil for all others.
        package let id: ClaimID?

        init(_ content: Result<ClaimMessage, UnreadableMessage>, body: [UInt8]? = nil, id: ClaimID? = nil) {
            self.content = content
            self.body = body
            self.id = id
        }
    }

    /// The JSON fields. Only strings and integers, because each nested custom type costs the decoder a container.
    private struct Fields: Decodable {
        var id: String
        var user_id: String
        var coupon_name: String
        var created_at: String
        var action: String?
    }

    private struct Single: Decodable {
        let version: Int
        let fields: Fields

        init(from decoder: any Decoder) throws {
            version = try Version(from: decoder).version
            fields = try Fields(from: decoder)
        }
    }

    private struct Batch: Decodable {
        var version: Int
        var claims: [Fields]
    }

    private struct Version: Decodable {
        var version: Int
    }

    package init() {}

    // MARK: Encoding

    /// Encodes a body with one claim.
    package func encode(_ message: ClaimMessage) -> [UInt8] {
        var json = JSONText()
        json.append(json: #"{"version":1,"#)
        Self.append(message, to: &json)
        return json.bytes
    }

    /// Encodes a body with several claims.
    package func encode(_ messages: [ClaimMessage]) -> [UInt8] {
        var json = JSONText(reserving: 32 + 256 * messages.count)
        json.append(json: #"{"version":2,"claims":["#)
        for (index, message) in messages.enumerated() {
            json.append(json: index == 0 ? "{" : ",{")
            Self.append(message, to: &json)
        }
        json.append(json: "]}")
        return json.bytes
    }

    /// Appends the fields of a claim and the closing brace.
    private static func append(_ message: ClaimMessage, to json: inout JSONText) {
        json.append(json: #""id":"#)
        json.append(string: message.id.description)
        json.append(json: #","user_id":"#)
        json.append(string: message.userID.description)
        json.append(json: #","coupon_name":"#)
        json.append(string: message.couponName.description)
        json.append(json: #","created_at":"#)
        json.append(string: message.createdAt.description)
        if message.action != .claim {
            json.append(json: #","action":"#)
            json.append(string: message.action.rawValue)
        }
        json.append(json: "}")
    }

    // MARK: Decoding

    /// Decodes a body with one claim.
    ///
    /// - Throws: ``UnreadableMessage``.
    package func decode(_ body: [UInt8]) throws(UnreadableMessage) -> ClaimMessage {
        let data = Data(body)
        let single: Single
        do {
            single = try decoder.decode(Single.self, from: data)
        } catch {
            if let version = version(of: data), version != Self.singleVersion { throw .unsupported(version: version) }
            throw UnreadableMessage((error as? DecodingError)?.message ?? "the body is not JSON")
        }
        guard single.version == Self.singleVersion else { throw .unsupported(version: single.version) }
        return try Self.claim(single.fields)
    }

    /// Decodes a body with one claim or several, in order. An unreadable claim does not affect the others.
    ///
    /// - Returns: at least one part. A body that is unreadable as a whole is one part.
    package func decodeParts(_ body: [UInt8]) -> [Part] {
        if body.starts(with: Self.batchStart) { return decodeBatch(Data(body)) }
        let single = Result { () throws(UnreadableMessage) in try decode(body) }
        // Another program may write the fields of a batch in another order.
        if case .failure = single, case let data = Data(body), version(of: data) == Self.batchVersion {
            return decodeBatch(data)
        }
        return [Part(single)]
    }

    private static let batchStart = Array(#"{"version":2,"#.utf8)
    private static let allowedCount = 1...ClaimMessage.maximumPerMessage

    private func decodeBatch(_ data: Data) -> [Part] {
        if let batch = try? decoder.decode(Batch.self, from: data), batch.version == Self.batchVersion,
            Self.allowedCount.contains(batch.claims.count)
        {
            let contents = batch.claims.map { fields in
                Result { () throws(UnreadableMessage) in try Self.claim(fields) }
            }
            if contents.allSatisfy({ (try? $0.get()) != nil }) { return contents.map { Part($0) } }
        }
        return decodeOneByOne(data)
    }

    /// Decodes a batch with an unreadable claim.
    private func decodeOneByOne(_ data: Data) -> [Part] {
        guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
            let claims = object["claims"] as? [Any], Self.allowedCount.contains(claims.count)
        else {
            let range = "\(Self.allowedCount.lowerBound) to \(Self.allowedCount.upperBound)"
            return [Part(.failure(UnreadableMessage("claims must be a list of \(range) claims")))]
        }
        return claims.map { claim in
            var claim = claim
            if var fields = claim as? [String: Any] {
                fields["version"] = Self.singleVersion
                claim = fields
            }
            let json = try? JSONSerialization.data(withJSONObject: claim, options: [.fragmentsAllowed, .sortedKeys])
            let body = Array(json ?? Data())
            let content = Result { () throws(UnreadableMessage) in try decode(body) }
            guard case .failure = content else { return Part(content) }
            let id = ((claim as? [String: Any])?["id"] as? String).flatMap(ClaimID.init)
            return Part(content, body: body, id: id)
        }
    }

    private func version(of data: Data) -> Int? {
        (try? decoder.decode(Version.self, from: data))?.version
    }

    private static func claim(_ fields: Fields) throws(UnreadableMessage) -> ClaimMessage {
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
