import Crypto
import Foundation

/// An identity provider: it signs tokens and publishes its keys.
struct Issuer: Sendable {
    static let name = "https://id.example"
    static let audience = "claims"

    /// The private keys by their id.
    private(set) var keys: [String: Curve25519.Signing.PrivateKey] = [:]

    init(_ ids: String...) {
        for id in ids { addKey(id) }
    }

    mutating func addKey(_ id: String) { keys[id] = Curve25519.Signing.PrivateKey() }
    mutating func removeKey(_ id: String) { keys[id] = nil }

    /// The public keys, as a JSON Web Key Set.
    func keySet() throws -> Data {
        let entries = keys.sorted { $0.key < $1.key }.map { id, key in
            [
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": id,
                "x": Self.base64URL(key.publicKey.rawRepresentation),
            ]
        }
        return try JSONSerialization.data(withJSONObject: ["keys": entries])
    }

    /// Returns a token of a user.
    ///
    /// - Parameter seconds: from now to its end.
    func token(_ user: String, key id: String, expiresIn seconds: Int = 300) throws -> String {
        guard let key = keys[id] else { throw TestFailure(description: "the issuer has no key \(id)") }
        let end = Int(Date.now.timeIntervalSince1970) + seconds
        let head = try JSONSerialization.data(withJSONObject: ["alg": "EdDSA", "kid": id])
        let body = try JSONSerialization.data(withJSONObject: [
            "sub": user, "iss": Self.name, "aud": Self.audience, "exp": end, "jti": UUID().uuidString,
        ])
        let text = "\(Self.base64URL(head)).\(Self.base64URL(body))"
        return "\(text).\(Self.base64URL(try key.signature(for: Data(text.utf8))))"
    }

    /// The settings of an API that accepts its tokens.
    ///
    /// - Parameter source: a file or a URL.
    static func settings(_ source: String) -> [String: String] {
        ["CLAIMS_JWKS": source, "CLAIMS_JWT_ISSUER": name, "CLAIMS_JWT_AUDIENCE": audience]
    }

    private static func base64URL(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}

/// A folder of a test, deleted at its end.
final class Scratch: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "claims-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Writes a file, in one atomic step.
    func write(_ name: String, _ content: Data) throws -> String {
        let file = "\(path)/\(name)"
        try content.write(to: URL(fileURLWithPath: file), options: .atomic)
        return file
    }
}
