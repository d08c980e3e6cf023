import Foundation
import JWTKit

/// A public key that verifies tokens, with the only algorithm that it is used with.
///
/// The algorithm is fixed when the key is loaded. The `alg` of a token never chooses it.
struct VerificationKey: Sendable {
    /// The accepted algorithms (RFC 7518 and RFC 8037).
    enum Algorithm: String, Hashable, Sendable, CaseIterable {
        case es256 = "ES256"
        case es384 = "ES384"
        case rs256 = "RS256"
        case ps256 = "PS256"
        case edDSA = "EdDSA"

        fileprivate var jwk: JWK.Algorithm {
            switch self {
            case .es256: .es256
            case .es384: .es384
            case .rs256: .rs256
            case .ps256: .ps256
            case .edDSA: .eddsa
            }
        }
    }

    let id: String
    let algorithm: Algorithm
    /// The public key as text, to find out whether a key was replaced under the same id.
    let material: String
    private let verifier: any JWTAlgorithm

    /// Creates a key from a JSON Web Key (RFC 7517). Its private parts are not read.
    ///
    /// - Throws: ``WebKey/Refusal`` if the key can't be used for tokens.
    init(_ key: WebKey) async throws {
        id = try key.usableID()
        algorithm = try key.algorithm()
        let identifier = JWKIdentifier(string: id)
        let jwk: JWK =
            switch algorithm {
            case .es256: .ecdsa(.es256, identifier: identifier, x: key.x, y: key.y, curve: .p256)
            case .es384: .ecdsa(.es384, identifier: identifier, x: key.x, y: key.y, curve: .p384)
            case .edDSA: .octetKeyPair(.eddsa, identifier: identifier, x: key.x, y: nil, curve: .ed25519)
            case .rs256, .ps256:
                .rsa(algorithm.jwk, identifier: identifier, modulus: key.n, exponent: key.e)
            }
        // A collection of its own, because a collection uses its first key for every unknown id.
        verifier = try await JWTKeyCollection().add(jwk: jwk).getKey(for: identifier)
        material = [key.crv, key.x, key.y, key.n, key.e].map { $0 ?? "" }.joined(separator: ".")
        guard verifier.name == algorithm.rawValue else { throw WebKey.Refusal.unsupportedAlgorithm }
    }

    /// Returns whether a signature over some bytes was made with the private part of the key.
    func isValid(_ signature: Data, over signed: Data) -> Bool {
        (try? verifier.verify(signature, signs: signed)) ?? false
    }
}

/// The members of a JSON Web Key that matter here (RFC 7517 and RFC 7518, section 6).
struct WebKey: Decodable, Sendable {
    /// Why a key is not used.
    enum Refusal: String, Error, Hashable, Sendable {
        case missingID = "it has no kid"
        case otherUse = "it is not for signatures"
        case unsupportedAlgorithm = "its kty, crv or alg is not supported"
    }

    let kty: String
    let kid, alg, use, crv, x, y, n, e: String?
    let key_ops: [String]?

    fileprivate func usableID() throws(Refusal) -> String {
        guard let kid, !kid.isEmpty else { throw .missingID }
        guard use ?? "sig" == "sig", key_ops?.contains("verify") ?? true else { throw .otherUse }
        return kid
    }

    /// The algorithm that the key is used with: its `alg`, or else the usual one for its type.
    fileprivate func algorithm() throws(Refusal) -> VerificationKey.Algorithm {
        let possible: [VerificationKey.Algorithm] =
            switch (kty, crv) {
            case ("EC", "P-256"): [.es256]
            case ("EC", "P-384"): [.es384]
            case ("OKP", "Ed25519"): [.edDSA]
            case ("RSA", _): [.rs256, .ps256]
            default: []
            }
        guard let alg else {
            guard let usual = possible.first else { throw .unsupportedAlgorithm }
            return usual
        }
        guard let named = VerificationKey.Algorithm(rawValue: alg), possible.contains(named) else {
            throw .unsupportedAlgorithm
        }
        return named
    }
}
