import Claims
import Foundation
import HTTPTypes
import Hummingbird
import RuntimeSupport

/// Decides who may use a route of an API that requires tokens.
struct AccessControl: Sendable {
    let keys: APIKeyDirectory
    /// Nil if no users are admitted, because there is no `CLAIMS_JWKS`.
    let tokens: TokenVerifier?
    let tickets: ClaimTickets
    let failures: FailureLimit
    private let metrics = TokenFailureMetrics()

    init(keys: APIKeyDirectory, tokens: TokenVerifier?, tickets: ClaimTickets, failures: FailureLimit) {
        self.keys = keys
        self.tokens = tokens
        self.tickets = tickets
        self.failures = failures
    }

    /// Why tokens can't be checked yet; nil if they can.
    var unavailableReason: String? {
        if !keys.isLoaded { return Self.keysMissing }
        return tokens.flatMap { $0.isLoaded ? nil : Self.keySetMissing }
    }

    private static let keysMissing = "the API keys are not loaded yet"
    private static let keySetMissing = "the keys of CLAIMS_JWKS are not loaded yet"

    /// Returns the caller of a request that the rule admits.
    ///
    /// - Throws: ``Problem``: `unauthenticated`, the same for every missing or refused token; `forbidden` if the caller is
    ///   known and the rule excludes it; `rate_limited` after too many refused tokens from one address;
    ///   `store_unavailable` while tokens can't be checked.
    func admit(_ request: Request, _ context: APIContext, _ rule: AccessRule) async throws(Problem) -> Caller {
        if rule == .open { return .anyone }
        let caller = try await caller(request, context, rule)
        switch (caller, rule.scope) {
        case (.service(let service), let scope?) where !service.scopes.contains(scope): throw .forbidden(scope)
        case (.user, let scope?) where !rule.admitsUsers: throw .forbidden(scope)
        default: return caller
        }
    }

    private func caller(
        _ request: Request, _ context: APIContext, _ rule: AccessRule
    ) async throws(Problem) -> Caller {
        do throws(TokenFailure) {
            if let token = BearerToken.read(request.headers) {
                if token.hasPrefix(APIKeyToken.prefix) { return .service(try keys.service(String(token), now: .now())) }
                guard let tokens else { throw TokenFailure.malformed }
                if let user = tokens.cached(token, now: .now()) { return .user(user) }
                // A signature is checked only while the address has not sent too many that were wrong.
                guard failures.mayTry(context.address) else { throw TokenFailure.limited }
                return .user(try await tokens.user(String(token), now: .now()))
            }
            if case .ticketHolders = rule, let text = request.queryParameter("ticket") {
                guard let id = tickets.claim(text, now: .now()), id.description == context.pathParameter("id") else {
                    throw TokenFailure.badTicket
                }
                return .ticket(id)
            }
            throw TokenFailure.missing
        } catch {
            throw problem(for: error, context)
        }
    }

    private func problem(for failure: TokenFailure, _ context: APIContext) -> Problem {
        // Until the keys are loaded, an unknown key may exist.
        switch failure {
        case .unknownKey where !keys.isLoaded: return .tokensUnavailable(Self.keysMissing)
        case .unknownSigner where tokens?.isLoaded == false: return .tokensUnavailable(Self.keySetMissing)
        default: metrics.count(failure)
        }
        switch failure {
        case .missing:
            return .unauthenticated
        case .limited:
            return .tooManyFailures(retryAfter: failures.retryAfter(context.address))
        case .malformed, .unknownKey, .unknownSigner, .badSignature, .expired, .notYetValid, .wrongIssuer,
            .wrongAudience, .unusable, .badTicket:
            let isWithinLimit = failures.note(context.address)
            return isWithinLimit
                ? .unauthenticated : .tooManyFailures(retryAfter: failures.retryAfter(context.address))
        }
    }
}
