import Claims
import Foundation

/// The parts of a JSON Web Token (RFC 7519), before verification.
struct WebToken {
    private struct Header: Decodable {
        let alg: String
        let kid: String?
        let crit: [String]?
    }

    /// The registered claims that are checked.
    private struct Payload: Decodable {
        /// One audience or several.
        struct Audience: Decodable {
            let names: [String]

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                names = try (try? container.decode([String].self)) ?? [container.decode(String.self)]
            }
        }

        let sub, iss: String?
        let aud: Audience?
        /// Seconds since 1970, perhaps with a fraction.
        let exp, nbf: Double?
    }

    /// The required values of a token.
    struct Expectation: Hashable, Sendable {
        let issuer: String
        let audience: String
        /// The tolerated clock difference, in seconds.
        static let leeway: Int64 = 60
    }

    private let header: Header
    private let signed: Data
    private let payload: Data
    private let signature: Data

    /// - Throws: ``TokenFailure/malformed``.
    init(_ text: String) throws(TokenFailure) {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let head = Self.decoded(parts[0]), let payload = Self.decoded(parts[1]),
            let signature = Self.decoded(parts[2]), let header = try? JSON.decoder.decode(Header.self, from: head)
        else { throw .malformed }
        self.header = header
        self.payload = payload
        self.signature = signature
        signed = Data(text.utf8.prefix(parts[0].count + 1 + parts[1].count))
    }

    /// The id of the key that the token says it is signed with.
    var keyID: String? { header.kid }

    /// Returns the user and the expiry time of a token, in seconds since 1970.
    ///
    /// - Parameters:
    ///   - key: the key of ``keyID``.
    ///   - now: seconds since 1970.
    func verified(
        by key: VerificationKey, _ expectation: Expectation, now: Int64
    ) throws(TokenFailure) -> (user: UserID, end: Int64) {
        guard header.alg == key.algorithm.rawValue else { throw .unknownSigner }
        guard header.crit == nil else { throw .unusable }
        guard key.isValid(signature, over: signed) else { throw .badSignature }
        guard let claims = try? JSON.decoder.decode(Payload.self, from: payload) else { throw .unusable }
        guard claims.iss == expectation.issuer else { throw .wrongIssuer }
        guard claims.aud?.names.contains(expectation.audience) == true else { throw .wrongAudience }
        // A token without `exp` would never expire.
        guard let exp = claims.exp, exp.isFinite else { throw .unusable }
        let end = Int64(max(-1e15, min(1e15, exp))) + Expectation.leeway
        guard now < end else { throw .expired }
        if let nbf = claims.nbf, Double(now) < nbf - Double(Expectation.leeway) { throw .notYetValid }
        guard let user = claims.sub.flatMap(UserID.init) else { throw .unusable }
        return (user, end)
    }

    /// Decodes base64url without padding (RFC 7515, section 2).
    private static func decoded(_ text: Substring.UTF8View) -> Data? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count + 2)
        for byte in text {
            switch byte {
            case UInt8(ascii: "-"): bytes.append(UInt8(ascii: "+"))
            case UInt8(ascii: "_"): bytes.append(UInt8(ascii: "/"))
            case UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="): return nil
            default: bytes.append(byte)
            }
        }
        while !bytes.count.isMultiple(of: 4) { bytes.append(UInt8(ascii: "=")) }
        return Data(base64Encoded: Data(bytes))
    }
}
