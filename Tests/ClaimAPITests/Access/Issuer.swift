import Claims
import Crypto
import CryptoExtras
import Foundation
import JWTKit
import RuntimeSupport

@testable import ClaimAPI

/// An identity provider: keys, their public set, and tokens signed with them.
struct Issuer {
    /// What signs a token.
    enum Signer {
        case es256(P256.Signing.PrivateKey)
        case es384(P384.Signing.PrivateKey)
        case edDSA(Curve25519.Signing.PrivateKey)
        case rs256(_RSA.Signing.PrivateKey)
        case ps256(_RSA.Signing.PrivateKey)

        var name: String {
            switch self {
            case .es256: "ES256"
            case .es384: "ES384"
            case .edDSA: "EdDSA"
            case .rs256: "RS256"
            case .ps256: "PS256"
            }
        }

        func signature(over text: String) throws -> Data {
            let data = Data(text.utf8)
            return switch self {
            case .es256(let key): try key.signature(for: data).rawRepresentation
            case .es384(let key): try key.signature(for: data).rawRepresentation
            case .edDSA(let key): try key.signature(for: data)
            case .rs256(let key):
                try key.signature(for: SHA256.hash(data: data), padding: .insecurePKCS1v1_5).rawRepresentation
            case .ps256(let key): try key.signature(for: SHA256.hash(data: data), padding: .PSS).rawRepresentation
            }
        }

        /// The members of the public JSON Web Key, without `kid` and `alg`.
        var members: [String: String] {
            func point(_ bytes: Data, _ curve: String) -> [String: String] {
                let half = bytes.count / 2
                return [
                    "kty": "EC", "crv": curve, "x": base64URL(bytes.prefix(half)), "y": base64URL(bytes.suffix(half)),
                ]
            }
            switch self {
            case .es256(let key): return point(key.publicKey.rawRepresentation, "P-256")
            case .es384(let key): return point(key.publicKey.rawRepresentation, "P-384")
            case .edDSA(let key):
                return ["kty": "OKP", "crv": "Ed25519", "x": base64URL(key.publicKey.rawRepresentation)]
            case .rs256(let key), .ps256(let key):
                let primitives = try? key.publicKey.getKeyPrimitives()
                return [
                    "kty": "RSA", "n": base64URL(primitives?.modulus ?? Data()),
                    "e": base64URL(primitives?.publicExponent ?? Data()),
                ]
            }
        }
    }

    static let expectation = WebToken.Expectation(issuer: "https://id.example", audience: "claims")
    /// Making one takes long.
    static let rsa = try? _RSA.Signing.PrivateKey(keySize: .bits2048)

    static var edDSA: Signer { .edDSA(Curve25519.Signing.PrivateKey()) }

    /// Returns the set of some keys.
    static func set(_ keys: [String: Signer], withAlgorithms: Bool = true) throws -> Data {
        let entries = keys.sorted { $0.key < $1.key }.map { id, signer in
            signer.members.merging(withAlgorithms ? ["kid": id, "alg": signer.name] : ["kid": id]) { $1 }
        }
        return try JSONSerialization.data(withJSONObject: ["keys": entries])
    }

    /// Returns a token.
    ///
    /// - Parameters:
    ///   - header: changed members of the header; null removes one.
    ///   - claims: changed members of the payload; null removes one.
    static func token(
        _ signer: Signer, kid: String? = "k1", header: [String: Any] = [:], claims: [String: Any] = [:],
        now: Timestamp = .now()
    ) throws -> String {
        let seconds = now.milliseconds / 1000
        var head: [String: Any] = ["alg": signer.name, "typ": "JWT"]
        head["kid"] = kid
        let body: [String: Any] = [
            "sub": "u1", "iss": expectation.issuer, "aud": expectation.audience, "exp": seconds + 300, "iat": seconds,
        ]
        let text = try "\(part(head, header)).\(part(body, claims))"
        return text + "." + base64URL(try signer.signature(over: text))
    }

    static func part(_ members: [String: Any], _ changes: [String: Any]) throws -> String {
        let merged = members.merging(changes) { $1 }.filter { !($0.value is NSNull) }
        return base64URL(try JSONSerialization.data(withJSONObject: merged, options: .sortedKeys))
    }
}

func base64URL(_ data: some DataProtocol) -> String {
    Data(data).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
}
