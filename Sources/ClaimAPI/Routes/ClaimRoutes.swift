import Claims
import Foundation
import HTTPTypes
import Hummingbird
import RuntimeSupport

/// The routes for claims: submitting, reading, following and cancelling.
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

    // Only strings, because this is the busiest path: each nested custom type costs the decoder a container.
    private struct NewClaim: Decodable {
        let user_id: String
        let coupon_name: String
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
        var response = Response.json(encoded: Self.accepted(claim), status: .accepted)
        response.headers[.location] = "/claims/\(claim.id)"
        response.headers[.retryAfter] = "1"
        if isReplay { response.headers[.idempotencyReplayed] = "true" }
        return response
    }

    /// The body of a 202. Written directly, because this is the busiest path.
    private static func accepted(_ claim: Claim) -> [UInt8] {
        var json = JSONText()
        json.append(json: #"{"id":"#)
        json.append(string: claim.id.description)
        json.append(json: #","status":"#)
        json.append(string: claim.status.rawValue)
        json.append(json: #","user_id":"#)
        json.append(string: claim.userID?.description)
        json.append(json: #","coupon_name":"#)
        json.append(string: claim.couponName?.description)
        json.append(json: #","created_at":"#)
        json.append(string: claim.createdAt?.description)
        json.append(json: "}")
        return json.bytes
    }

    private func show(_ request: Request, _ context: some RequestContext) async throws -> Response {
        let wait = try Wait(request)
        guard let id = issuer.issued(context.pathParameter("id")) else { throw Problem.claimNotFound }
        let claim = await outcomes.addingPosition(
            to: try await outcomes.claim(id, waitingAtMost: wait.time))
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
            // 204 tells an EventSource that reconnects after the last event to stop (HTML specification, section 9.2).
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

extension HTTPField.Name {
    // The initialiser returns nil only for names that are not valid tokens.
    static let idempotencyKey = Self("Idempotency-Key")!
    static let idempotencyReplayed = Self("Idempotency-Replayed")!
    static let lastEventID = Self("Last-Event-ID")!
    static let prefer = Self("Prefer")!
    static let preferenceApplied = Self("Preference-Applied")!
}
