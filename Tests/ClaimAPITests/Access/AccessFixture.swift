import Claims
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Postgres
import RuntimeSupport
import Testing

@testable import ClaimAPI

/// An API that requires tokens, without servers: one key for each scope, and an issuer of JWTs.
struct AccessFixture {
    /// The kinds of callers.
    enum Caller: Hashable, CaseIterable, CustomStringConvertible {
        case nobody, otherScheme
        case unknownKey, wrongSecret, revokedKey, expiredKey
        case user, expiredToken, forgedToken
        /// A service whose key has only this scope.
        case service(Scope)

        static var allCases: [Caller] {
            [
                .nobody, .otherScheme, .unknownKey, .wrongSecret, .revokedKey, .expiredKey, .user, .expiredToken,
                .forgedToken,
            ] + Scope.allCases.map { .service($0) }
        }

        var description: String {
            switch self {
            case .nobody: "nobody"
            case .otherScheme: "another scheme"
            case .unknownKey: "an unknown key"
            case .wrongSecret: "a key with another secret"
            case .revokedKey: "a revoked key"
            case .expiredKey: "an expired key"
            case .user: "a user"
            case .expiredToken: "an expired token"
            case .forgedToken: "a forged token"
            case .service(let scope): "a service with \(scope.rawValue)"
            }
        }
    }

    let access: AccessControl
    let keys: APIKeyDirectory
    let tickets = ClaimTickets(secrets: [OpenAPITests.secret])
    /// The id of a claim of the user `u1`.
    let ownClaim: String
    /// The body of every 401.
    let refusal: Data
    private var tokens: [Caller: String] = [:]

    init(failures: RatePolicy? = nil) async throws {
        let address = try #require(PostgresAddress(url: "postgres://127.0.0.1:1"))
        keys = APIKeyDirectory(address, name: "test", logger: .quiet)
        let now = Timestamp.now()
        var snapshot: [APIKeyStore.Snapshot.Key] = []
        func key(_ scope: Scope, expiresAt: Timestamp? = nil) -> APIKeyToken {
            let token = APIKeyToken()
            snapshot.append(
                .init(
                    id: token.id, name: scope.rawValue, scopes: Scopes([scope]), hash: token.hash, expiresAt: expiresAt)
            )
            return token
        }
        for scope in Scope.allCases {
            tokens[.service(scope)] = key(scope, expiresAt: Timestamp(milliseconds: now.milliseconds + 60_000)).text
        }
        tokens[.expiredKey] = key(.claimsRead, expiresAt: now).text
        tokens[.unknownKey] = APIKeyToken().text
        // Revoked keys are not loaded.
        tokens[.revokedKey] = APIKeyToken().text
        tokens[.wrongSecret] = "\(key(.claimsRead).text.prefix(20))\(APIKeyToken().text.suffix(64))"
        keys.replace(snapshot)

        let signer = Issuer.edDSA
        let cache = TokenCache()
        let set = KeySetStore(.file("/nowhere"), cache: cache, logger: .quiet)
        set.stopReloading()
        try await set.use(Issuer.set(["k1": signer]))
        tokens[.user] = try Issuer.token(signer)
        tokens[.expiredToken] = try Issuer.token(signer, claims: ["exp": now.milliseconds / 1000 - 100])
        tokens[.forgedToken] = try Issuer.token(Issuer.edDSA)
        access = AccessControl(
            keys: keys, tokens: TokenVerifier(keys: set, expectation: Issuer.expectation, cache: cache),
            tickets: tickets, failures: FailureLimit(failures))
        ownClaim =
            ClaimIDIssuer(secret: OpenAPITests.secret).id(
                user: try #require(UserID("u1")), key: try #require(IdempotencyKey(headerValue: "k")), at: .now()
            ).description
        refusal = try JSON.encoder.encode(Problem.unauthenticated.body)
    }

    func headers(of caller: Caller) -> HTTPFields {
        var fields: HTTPFields = [.contentType: "application/json", .idempotencyKey: "k"]
        if caller == .otherScheme { fields[.authorization] = "Basic dTpw" }
        if let token = tokens[caller] { fields[.authorization] = "Bearer \(token)" }
        return fields
    }

    /// Runs `body` with a client of these endpoints.
    func test(
        _ endpoints: [Endpoint], limits: RateLimits? = nil,
        _ body: @Sendable (any TestClientProtocol) async throws -> Void
    ) async throws {
        let router = Router(context: APIContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: ProblemMiddleware(endpoints: endpoints, logger: .quiet))
        for endpoint in endpoints { router.add(endpoint, behind: Gate(access: access, limits: limits)) }
        try await Application(router: router, logger: .quiet).test(.router) { client in try await body(client) }
    }
}
