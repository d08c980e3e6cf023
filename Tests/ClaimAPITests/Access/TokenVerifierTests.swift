import Claims
import Crypto
import CryptoExtras
import Foundation
import JWTKit
import RuntimeSupport
import Testing

@testable import ClaimAPI

@Suite struct TokenVerifierTests {
    private let cache = TokenCache()
    private let keys: KeySetStore
    private let verifier: TokenVerifier
    private let now = Timestamp.now()

    init() {
        keys = KeySetStore(.file("/nowhere"), cache: cache, logger: .quiet)
        verifier = TokenVerifier(keys: keys, expectation: Issuer.expectation, cache: cache)
        // No service runs that would answer a reload.
        keys.stopReloading()
    }

    private func user(_ token: String) async -> Result<String, TokenFailure> {
        do throws(TokenFailure) {
            return .success(try await verifier.user(token, now: now).description)
        } catch {
            return .failure(error)
        }
    }

    private static func signers() throws -> [Issuer.Signer] {
        let rsa = try #require(Issuer.rsa)
        return [
            .es256(P256.Signing.PrivateKey()), .es384(P384.Signing.PrivateKey()), Issuer.edDSA, .rs256(rsa),
            .ps256(rsa),
        ]
    }

    @Test func aTokenOfEveryAlgorithmIsAccepted() async throws {
        for signer in try Self.signers() {
            try await keys.use(Issuer.set(["k1": signer]))
            #expect(await user(try Issuer.token(signer)) == .success("u1"), "\(signer.name)")
        }
    }

    @Test func aKeyWithoutAnAlgorithmHasTheUsualOneOfItsType() async throws {
        for signer in try Self.signers() where signer.name != "PS256" {
            try await keys.use(Issuer.set(["k1": signer], withAlgorithms: false))
            #expect(await user(try Issuer.token(signer)) == .success("u1"), "\(signer.name)")
        }
        // The first token must not choose the algorithm.
        let rsa = try #require(Issuer.rsa)
        try await keys.use(Issuer.set(["k1": .rs256(rsa)], withAlgorithms: false))
        #expect(await user(try Issuer.token(.ps256(rsa))) == .failure(.unknownSigner))
        #expect(await user(try Issuer.token(.rs256(rsa))) == .success("u1"))
    }

    @Test func aTokenIsRefusedForEachReason() async throws {
        let signer = Issuer.edDSA
        try await keys.use(Issuer.set(["k1": signer]))
        let seconds = now.milliseconds / 1000
        func claims(_ changes: [String: Any]) throws -> String { try Issuer.token(signer, claims: changes) }
        let cases: [(String, TokenFailure, String)] = [
            ("expired", .expired, try claims(["exp": seconds - 61])),
            ("not yet valid", .notYetValid, try claims(["nbf": seconds + 61])),
            ("another issuer", .wrongIssuer, try claims(["iss": "https://evil.example"])),
            ("no issuer", .wrongIssuer, try claims(["iss": NSNull()])),
            ("another audience", .wrongAudience, try claims(["aud": "billing"])),
            ("several other audiences", .wrongAudience, try claims(["aud": ["billing", "mail"]])),
            ("no audience", .wrongAudience, try claims(["aud": NSNull()])),
            ("no end", .unusable, try claims(["exp": NSNull()])),
            ("no subject", .unusable, try claims(["sub": NSNull()])),
            ("an empty subject", .unusable, try claims(["sub": ""])),
            ("a subject with a control character", .unusable, try claims(["sub": "u\n1"])),
            ("a subject of another type", .unusable, try claims(["sub": 1])),
            ("an unknown kid", .unknownSigner, try Issuer.token(signer, kid: "k2")),
            ("no kid", .unknownSigner, try Issuer.token(signer, kid: nil)),
            ("a critical extension", .unusable, try Issuer.token(signer, header: ["crit": ["b64"]])),
            ("another key under the same kid", .badSignature, try Issuer.token(Issuer.edDSA)),
            ("another algorithm", .unknownSigner, try Issuer.token(signer, header: ["alg": "ES256"])),
            ("no algorithm", .malformed, try Issuer.token(signer, header: ["alg": NSNull()])),
        ]
        for (name, failure, token) in cases { #expect(await user(token) == .failure(failure), "\(name)") }
        #expect(cache.count == 0)
    }

    @Test func clocksMayDifferByAMinute() async throws {
        let signer = Issuer.edDSA
        try await keys.use(Issuer.set(["k1": signer]))
        let seconds = now.milliseconds / 1000
        #expect(await user(try Issuer.token(signer, claims: ["exp": seconds - 59])) == .success("u1"))
        #expect(await user(try Issuer.token(signer, claims: ["nbf": seconds + 59])) == .success("u1"))
    }

    @Test func oneOfSeveralAudiencesIsEnough() async throws {
        let signer = Issuer.edDSA
        try await keys.use(Issuer.set(["k1": signer]))
        #expect(await user(try Issuer.token(signer, claims: ["aud": ["billing", "claims"]])) == .success("u1"))
    }

    /// RFC 8725, sections 2.1 and 3.1.
    @Test func theAlgorithmOfATokenNeverDecides() async throws {
        let rsa = try #require(Issuer.rsa)
        try await keys.use(Issuer.set(["k1": .rs256(rsa)]))
        let seconds = now.milliseconds / 1000
        let payload = try Issuer.part(
            ["sub": "u1", "iss": Issuer.expectation.issuer, "aud": "claims", "exp": seconds + 300], [:])

        let none = try Issuer.part(["alg": "none", "kid": "k1"], [:])
        for token in ["\(none).\(payload).", "\(none).\(payload)", "\(none).\(payload).AA"] {
            #expect(throws: TokenFailure.self) { try awaitless(token) }
            guard case .failure = await user(token) else {
                Issue.record("accepted: \(token)")
                continue
            }
        }

        // The public key as the secret of a MAC.
        let mac = try Issuer.part(["alg": "HS256", "kid": "k1"], [:]) + "." + payload
        for secret in [rsa.publicKey.pemRepresentation, rsa.publicKey.derRepresentation.base64EncodedString()] {
            let signature = HMAC<SHA256>.authenticationCode(
                for: Data(mac.utf8), using: SymmetricKey(data: Data(secret.utf8)))
            #expect(await user("\(mac).\(base64URL(Data(signature)))") == .failure(.unknownSigner))
        }
    }

    /// Whether a text is no token at all, or has an algorithm that no key has.
    private func awaitless(_ token: String) throws {
        let parsed = try WebToken(token)
        let key = try #require(keys.current?.keys["k1"])
        _ = try parsed.verified(by: key, Issuer.expectation, now: now.milliseconds / 1000)
    }

    @Test func anyChangedByteIsRefused() async throws {
        let signer = Issuer.edDSA
        try await keys.use(Issuer.set(["k1": signer]))
        let token = try Issuer.token(signer)
        for position in stride(from: 0, to: token.utf8.count, by: 3) {
            var bytes = Array(token.utf8)
            bytes[position] = bytes[position] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            // The last character holds bits that no byte of the signature has.
            guard position < token.utf8.count - 1 else { continue }
            guard case .failure = await user(String(decoding: bytes, as: UTF8.self)) else {
                Issue.record("accepted with a change at \(position)")
                continue
            }
        }
    }

    @Test(arguments: [
        "", ".", "..", "a.b.c", "e30.e30.e30", "e30", "ck_x", "e30=.e30.e30", "+/8.e30.e30", "\u{1F600}.a.b",
    ])
    func whatIsNoTokenIsRefused(_ text: String) async throws {
        try await keys.use(Issuer.set(["k1": Issuer.edDSA]))
        #expect(await user(text) == .failure(.malformed))
    }

    // MARK: Cache

    @Test func aVerifiedTokenIsCachedUntilItExpires() async throws {
        let signer = Issuer.edDSA
        try await keys.use(Issuer.set(["k1": signer]))
        let token = try Issuer.token(signer, now: now)
        #expect(verifier.cached(token[...], now: now) == nil)
        #expect(await user(token) == .success("u1"))
        #expect(verifier.cached(token[...], now: now)?.description == "u1")
        let late = Timestamp(milliseconds: now.milliseconds + 361_000)
        #expect(verifier.cached(token[...], now: late) == nil)
    }

    @Test func tokensOfAWithdrawnKeyAreForgotten() async throws {
        let (old, new) = (Issuer.edDSA, Issuer.edDSA)
        try await keys.use(Issuer.set(["k1": old]))
        let token = try Issuer.token(old)
        #expect(await user(token) == .success("u1"))

        // A rotation: both keys are valid for a time.
        try await keys.use(Issuer.set(["k1": old, "k2": new]))
        #expect(verifier.cached(token[...], now: now) != nil)
        #expect(await user(try Issuer.token(new, kid: "k2")) == .success("u1"))

        try await keys.use(Issuer.set(["k2": new]))
        #expect(verifier.cached(token[...], now: now) == nil)
        #expect(await user(token) == .failure(.unknownSigner))

        // Another key under the same id.
        #expect(await user(try Issuer.token(new, kid: "k2")) == .success("u1"))
        try await keys.use(Issuer.set(["k2": old]))
        #expect(cache.count == 0)
    }

    @Test func theCacheIsBounded() throws {
        let cache = TokenCache(capacity: 100)
        let user = try #require(UserID("u1"))
        for number in 0..<1000 {
            cache.insert(TokenCache.Digest("token \(number)"), user, until: 100, epoch: 0)
            // A token that is in use stays.
            cache.insert(TokenCache.Digest("busy"), user, until: 100, epoch: 0)
            #expect(cache.user(TokenCache.Digest("busy"), now: 1) == user)
        }
        #expect(cache.count <= 200)
        cache.clear()
        #expect(cache.count == 0)
        // Verified with keys that are gone.
        cache.insert(TokenCache.Digest("late"), user, until: 100, epoch: 0)
        #expect(cache.count == 0)
    }
}
