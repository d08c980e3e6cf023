import Claims
import DeadLetters
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import Postgres
import RuntimeSupport

/// The routes for claims: submitting, reading, following and cancelling.
struct ClaimRoutes: Sendable {
    let submission: ClaimSubmission
    let outcomes: OutcomeReader
    let issuer: ClaimIDIssuer
    let tickets: ClaimTickets
    /// For the timeline.
    let reader: DeadLetterReader
    /// For the audit trail.
    let changes: PostgresClient
    let logger: Logger

    var endpoints: [Endpoint] {
        [
            Endpoint("/claims", [.post: { request, context in try await submit(request, context) }]),
            Endpoint("/claims/{id}", [.get: { request, context in try await show(request, context) }]),
            Endpoint("/claims/{id}/events", [.get: { request, context in try await follow(request, context) }]),
            Endpoint("/claims/{id}/ticket", [.post: { _, context in try await makeTicket(context) }]),
            Endpoint("/claims/{id}/cancel", [.post: { _, context in try await cancel(context) }]),
            Endpoint("/claims/{id}/timeline", [.get: { _, context in try await timeline(context) }]),
        ]
    }

    // Only strings, because this is the busiest path: each nested custom type costs the decoder a container.
    private struct NewClaim: Decodable {
        let user_id: String
        let coupon_name: String
    }

    /// The body of a user, whose id is in the token.
    private struct OwnClaim: Decodable {
        let user_id: String?
        let coupon_name: String
    }

    private func submit(_ request: Request, _ context: APIContext) async throws -> Response {
        guard let field = request.headers[.idempotencyKey] else { throw Problem.keyMissing }
        guard let key = IdempotencyKey(headerValue: field) else { throw Problem.keyInvalid }
        let body: OwnClaim
        if context.caller.user == nil {
            let complete = try await request.json(NewClaim.self)
            body = OwnClaim(user_id: complete.user_id, coupon_name: complete.coupon_name)
        } else {
            body = try await request.json(OwnClaim.self)
        }

        let named = try body.user_id.map { text in
            guard let user = UserID(text) else { throw Problem.invalidBody("user_id \(UserID.rule).") }
            return user
        }
        guard let user = try context.caller.subject(named: named) else {
            throw Problem.invalidBody("user_id is missing.")
        }
        guard let coupon = CouponName(body.coupon_name) else {
            throw Problem.invalidBody("coupon_name \(CouponName.rule).")
        }

        let (claim, isReplay) = try await submission.accept(user: user, coupon: coupon, key: key, quota: context.quota)
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

    private func show(_ request: Request, _ context: APIContext) async throws -> Response {
        let wait = try Wait(request)
        let id = try claimID(context)
        // A user must not notice by the time of the answer that another user's claim is pending.
        if context.caller.user != nil, wait.time > .zero { try check(try await outcomes.claim(id), context) }
        let claim = await outcomes.addingPosition(
            to: try await outcomes.claim(id, waitingAtMost: wait.time))
        try check(claim, context)
        var response = try Response.json(claim)
        if !claim.status.isFinal { response.headers[.retryAfter] = "1" }
        if let applied = wait.applied { response.headers[.preferenceApplied] = applied }
        return response
    }

    private func follow(_ request: Request, _ context: APIContext) async throws -> Response {
        guard ClaimEvents.areAccepted(by: request.headers[.accept]) else { throw Problem.notAcceptable }
        let claim = try await outcomes.claim(try claimID(context))
        try check(claim, context)
        if claim.status.isFinal, request.headers[.lastEventID] == ClaimEvents.id(of: claim) {
            // 204 tells an EventSource that reconnects after the last event to stop (HTML specification, section 9.2).
            return Response(status: .noContent)
        }
        return ClaimEvents(outcomes).response(claim, for: context.caller, on: context.channel)
    }

    private func makeTicket(_ context: APIContext) async throws -> Response {
        struct Ticket: Encodable {
            let ticket: String
            let expires_at: Timestamp
        }
        let id = try claimID(context)
        // A service may follow any claim, so that its claim need not be looked up.
        if context.caller.user != nil { try check(try await outcomes.claim(id), context) }
        let (text, end) = tickets.ticket(for: id, now: .now())
        var response = try Response.json(Ticket(ticket: text, expires_at: end), status: .created)
        response.headers[.location] = "/claims/\(id)/events?ticket=\(text)"
        response.headers[.cacheControl] = "no-store"
        return response
    }

    private func cancel(_ context: APIContext) async throws -> Response {
        let id = try claimID(context)
        let claim = try await submission.cancel(id, for: context.caller)
        if claim.status != .cancelled { await record(claim, context.caller) }
        var response = try Response.json(claim, status: .accepted)
        response.headers[.location] = "/claims/\(id)"
        if claim.status != .cancelled { response.headers[.retryAfter] = "1" }
        return response
    }

    /// Records a cancel in the audit trail, unless it is that of the claim's own user. It is published already, so a failure
    /// is only logged.
    private func record(_ claim: Claim, _ caller: Caller) async {
        switch caller {
        case .user, .ticket: return
        case .anyone, .service: break
        }
        // No user: `claimctl user forget` does not change the audit trail.
        let detail = claim.couponName?.description
        do {
            // The client waits.
            try await changes.run(patience: .seconds(1)) { connection throws(PostgresError) in
                try OperatorLog(connection).record(
                    .claimCancel, on: claim.id.description, by: caller.operatorName, outcome: OperatorAction.done,
                    detail: detail)
            }
        } catch {
            logger.warning(
                "a cancel is missing in the audit trail",
                metadata: ["claim.id": "\(claim.id)", "operator": "\(caller.operatorName)", "error": "\(error)"])
        }
    }

    /// Returns the history of the claim.
    private func timeline(_ context: APIContext) async throws -> Response {
        let claim = try await outcomes.claim(try claimID(context))
        let session = reader.session
        let json = try await reader.run {
            try JSON.encoder.encode(ClaimTimeline.lookUp(claim, session))
        }
        return .json(encoded: json)
    }

    private func claimID(_ context: APIContext) throws(Problem) -> ClaimID {
        guard let id = issuer.issued(context.pathParameter("id")) else { throw .claimNotFound }
        return id
    }

    /// Answers a user who asks for another user's claim as if it did not exist.
    private func check(_ claim: Claim, _ context: APIContext) throws(Problem) {
        guard context.caller.owns(claim) else { throw .claimNotFound }
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
