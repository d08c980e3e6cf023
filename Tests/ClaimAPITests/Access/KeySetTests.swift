import Crypto
import Foundation
import Testing

@testable import ClaimAPI

@Suite struct KeySetTests {
    private func set(_ entries: [[String: Any]]) async throws -> KeySet {
        try await KeySet(json: JSONSerialization.data(withJSONObject: ["keys": entries]))
    }

    private var good: [String: Any] { Issuer.edDSA.members.merging(["kid": "good", "alg": "EdDSA"]) { $1 } }

    @Test func keysThatCannotBeUsedAreLeftOutWithTheirReason() async throws {
        let elliptic = Issuer.Signer.es256(P256.Signing.PrivateKey()).members
        let others: [[String: Any]] = [
            ["kty": "oct", "kid": "mac", "k": "c2VjcmV0", "alg": "HS256"],
            ["kty": "EC", "kid": "curve", "crv": "P-521"],
            elliptic.merging(["alg": "ES256"]) { $1 },
            elliptic.merging(["kid": "use", "use": "enc"]) { $1 },
            elliptic.merging(["kid": "mismatch", "alg": "ES384"]) { $1 },
            elliptic.merging(["kid": "hmac", "alg": "HS256"]) { $1 },
            elliptic.merging(["kid": "point", "x": "AAAA"]) { $1 },
            ["kid": "typeless"],
        ]
        let set = try await set(others + [good])
        #expect(Array(set.keys.keys) == ["good"])
        #expect(set.refused.count == others.count, "\(set.refused)")
        #expect(set.refused.contains { $0.contains("key without kid") })
    }

    @Test(arguments: ["", "[]", "{}", #"{"keys": []}"#, #"{"keys": [{"kty": "oct", "kid": "a"}]}"#, "<html>"])
    func aSetWithoutAnyKeyIsUnusable(_ text: String) async {
        await #expect(throws: KeySet.Unusable.self) { try await KeySet(json: Data(text.utf8)) }
    }

    @Test func aKidThatIsUsedTwiceNamesTheFirstKey() async throws {
        let first = good
        let set = try await set([first, good])
        #expect(
            set.keys["good"]?.material == ".\(first["x"] ?? "")"
                || set.keys["good"]?.material.contains("\(first["x"] ?? "")") == true)
        #expect(set.refused.count == 1)
    }

    @Test(arguments: [
        ("https://id.example/jwks", true), ("http://127.0.0.1:9/jwks", true), ("http://localhost/jwks", true),
        ("http://[::1]:80/jwks", true), ("/etc/claims/jwks.json", true), ("jwks.json", true),
        ("http://id.example/jwks", false), ("ftp://id.example/jwks", false), ("https://", false),
        ("http://127.0.0.1.evil.example/jwks", false),
    ])
    func aSourceIsAFileOrASafeURL(_ text: String, _ isAllowed: Bool) {
        #expect((KeySetSource(text) != nil) == isAllowed)
    }
}
