import Claims
import Foundation
import HTTPTypes
import Hummingbird

/// Making a claim, asking what became of it, and giving back what it got.
struct ClaimRoutes: Sendable {
    let submission: ClaimSubmission
    let outcomes: OutcomeReader
    let issuer: ClaimIDIssuer

    var endpoints: [Endpoint] {
        [
            Endpoint("/claims", [.post: { request, _ in try await submit(request) }]),
            Endpoint("/claims/{id}", [.get: { request, context in try await show(request, context) }]),
            Endpoint("/claims/{id}/events", [.get: { request, context in try await follow(request, context) }]),
            Endpoint("/claims/{id}/cancel", [.post: { _, context in try await cancel(context) }]),
        ]
    }

    // Plain types on the busiest path: every nested type of one's own costs the JSON coders a container.
    private struct NewClaim: Decodable {
        let user_id: String
        let coupon_name: String
    }

    private struct Accepted: Encodable {
        let id: String
        let status: String
        let user_id: String?
        let coupon_name: String?
        let created_at: String?

        init(_ claim: Claim) {
            id = claim.id.description
            status = claim.status.rawValue
            user_id = claim.userID?.description
            coupon_name = claim.couponName?.description
            created_at = claim.createdAt?.description
        }
    }

    private func submit(_ request: Request) async throws -> Response {
        guard let field = request.headers[.idempotencyKey] else { throw Problem.keyMissing }
        guard let key = IdempotencyKey(headerValue: field) else { throw Problem.keyInvalid }
        let body = try await request.json(NewClaim.self)

        guard let user = UserID(body.user_id) else { throw Problem.invalidBody("user_id \(UserID.rule).") }
        guard let coupon = CouponName(body.coupon_name) else {
            throw Problem.invalidBody("coupon_name \(CouponName.rule).")
        }

        let (claim, isReplay) = try await submission.accept(user: user, coupon: coupon, key: key)
        var response = try Response.json(Accepted(claim), status: .accepted)
        response.headers[.location] = "/claims/\(claim.id)"
        response.headers[.retryAfter] = "1"
        if isReplay { response.headers[.idempotencyReplayed] = "true" }
        return response
    }

    private func show(_ request: Request, _ context: some RequestContext) async throws -> Response {
        let wait = try Wait(request)
        guard let id = issuer.issued(context.pathParameter("id")) else { throw Problem.claimNotFound }
        let claim = await outcomes.placed(try await outcomes.claim(id, waitingAtMost: wait.time))
        var response = try Response.json(claim)
        if !claim.status.isFinal { response.headers[.retryAfter] = "1" }
        if let applied = wait.applied { response.headers[.preferenceApplied] = applied }
        return response
    }

    private func follow(_ request: Request, _ context: APIContext) async throws -> Response {
        guard ClaimEvents.areAccepted(by: request.headers[.accept]) else { throw Problem.notAcceptable }
        guard let id = issuer.issued(context.pathParameter("id")) else { throw Problem.claimNotFound }
        let claim = try await outcomes.claim(id)
        if claim.status.isFinal, request.headers[.lastEventID] == ClaimEvents.id(of: claim) {
            // A browser that comes back after the end is told so, in the words of the specification.
            return Response(status: .noContent)
        }
        return ClaimEvents(outcomes).response(claim, on: context.channel)
    }

    private func cancel(_ context: some RequestContext) async throws -> Response {
        guard let id = issuer.issued(context.pathParameter("id")) else { throw Problem.claimNotFound }
        let claim = try await submission.cancel(id)
        var response = try Response.json(claim, status: .accepted)
        response.headers[.location] = "/claims/\(id)"
        if claim.status != .cancelled { response.headers[.retryAfter] = "1" }
        return response
    }
}

/// How long a client is ready to wait for a claim's outcome.
struct Wait {
    static let longest = 30.0

    let time: Duration
    /// What to say in `Preference-Applied` (RFC 7240); nil if no preference decided it.
    let applied: String?

    /// Reads `?wait=SECONDS`, else `Prefer: wait=SECONDS`.
    init(_ request: Request) throws {
        if let text = request.queryParameter("wait") {
            guard let seconds = Double(text), (0...Self.longest).contains(seconds) else {
                throw Problem.invalidParameter("wait", "a number of seconds from 0 to 30")
            }
            time = .seconds(seconds)
            applied = nil
        } else if let seconds = Self.preferred(request.headers[.prefer]) {
            time = .seconds(min(seconds, Int(Self.longest)))
            applied = "wait=\(min(seconds, Int(Self.longest)))"
        } else {
            time = .zero
            applied = nil
        }
    }

    /// A preference that can't be understood is passed over, as RFC 7240 has it.
    private static func preferred(_ field: String?) -> Int? {
        for preference in field?.split(separator: ",") ?? [] {
            let parts = preference.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            if parts.count == 2, parts[0].lowercased() == "wait", let seconds = Int(parts[1]), seconds >= 0 {
                return seconds
            }
        }
        return nil
    }
}

extension HTTPField.Name {
    // The names are well-formed tokens, so these initialisers give a value.
    static let idempotencyKey = Self("Idempotency-Key")!
    static let idempotencyReplayed = Self("Idempotency-Replayed")!
    static let lastEventID = Self("Last-Event-ID")!
    static let prefer = Self("Prefer")!
    static let preferenceApplied = Self("Preference-Applied")!
}
