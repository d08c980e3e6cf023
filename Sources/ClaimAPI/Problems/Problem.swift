import Broker
import Claims
import Foundation
import HTTPTypes
import Hummingbird

/// An error as clients see it: `application/problem+json`, RFC 9457, with a `code` to switch on.
struct Problem: Error, HTTPResponseError {
    let status: HTTPResponse.Status
    let code: String
    let title: String
    let detail: String
    var headers: HTTPFields = [:]

    func response(from request: Request, context: some RequestContext) throws -> Response {
        let body = ProblemBody(
            type: "urn:claims:problem:\(code)", title: title, status: status.code, detail: detail, code: code)
        var response = Response.json(try JSON.encoder.encode(body), status: status)
        response.headers[.contentType] = "application/problem+json"
        response.headers.append(contentsOf: headers)
        return response
    }
}

private struct ProblemBody: Encodable {
    let type: String
    let title: String
    let status: Int
    let detail: String
    let code: String
}

extension Problem {
    static let notFound = Problem(
        status: .notFound, code: "not_found", title: "Not found",
        detail: "There is nothing at this path; GET /openapi.json tells what there is.")

    static func methodNotAllowed(allow: [HTTPRequest.Method]) -> Problem {
        let names = allow.map(\.rawValue).joined(separator: ", ")
        return Problem(
            status: .methodNotAllowed, code: "method_not_allowed", title: "Method not allowed",
            detail: "This path takes \(names).", headers: [.allow: names])
    }

    static let notAcceptable = Problem(
        status: .notAcceptable, code: "not_acceptable", title: "Not acceptable",
        detail: "There is text/event-stream here, and Accept leaves that out.")

    static let unsupportedMediaType = Problem(
        status: .unsupportedMediaType, code: "unsupported_media_type", title: "Unsupported media type",
        detail: "Send the body as application/json.")

    static let unsupportedListType = Problem(
        status: .unsupportedMediaType, code: "unsupported_media_type", title: "Unsupported media type",
        detail: "Send the list as application/json, one array, or as text/plain, one user id a line.")

    static func bodyTooLarge(limit: Int) -> Problem {
        Problem(
            status: .contentTooLarge, code: "body_too_large", title: "Body too large",
            detail: "The body may have \(limit / 1024) KiB at most.")
    }

    static func invalidParameter(_ name: String, _ rule: String) -> Problem {
        Problem(
            status: .badRequest, code: "invalid_parameter", title: "Invalid parameter",
            detail: "The query parameter \(name) must be \(rule).")
    }

    static func invalidBody(_ detail: String) -> Problem {
        Problem(
            status: .unprocessableContent, code: "invalid_body", title: "Invalid body", detail: detail)
    }

    static let internalError = Problem(
        status: .internalServerError, code: "internal_error", title: "Internal error",
        detail: "Something went wrong here that was not foreseen. The same request may be sent again.")

    static let keyMissing = Problem(
        status: .badRequest, code: "idempotency_key_missing", title: "Idempotency key missing",
        detail: "Send the header Idempotency-Key with a value of your own, and the same value when you try again.")

    static let keyInvalid = Problem(
        status: .badRequest, code: "idempotency_key_invalid", title: "Idempotency key invalid",
        detail: "Idempotency-Key must be 1 to \(IdempotencyKey.maximumLength) printable ASCII characters, "
            + "bare without spaces or as a quoted string.")

    static let keyReused = Problem(
        status: .unprocessableContent, code: "idempotency_key_reused", title: "Idempotency key reused",
        detail: "This user has sent this key with another coupon_name before. A new claim needs a new key.")

    static let claimNotFound = Problem(
        status: .notFound, code: "claim_not_found", title: "Claim not found",
        detail: "No claim was ever accepted under this id.")

    static func notCancellable(_ status: ClaimStatus) -> Problem {
        Problem(
            status: .conflict, code: "not_cancellable", title: "Not cancellable",
            detail: "Only a claim that is claimed can be cancelled; this one is \(status.rawValue).")
    }

    static let couponNotFound = Problem(
        status: .notFound, code: "coupon_not_found", title: "Coupon not found", detail: "There is no such coupon.")

    static let couponExists = Problem(
        status: .conflict, code: "coupon_exists", title: "Coupon exists",
        detail: "There is a coupon of this name already; nothing was changed.")

    static func amountBelowClaimed(_ claimed: Int) -> Problem {
        Problem(
            status: .conflict, code: "amount_below_claimed", title: "Amount below claimed",
            detail: "The amount can't be less than the \(claimed) that are claimed; nothing was changed.")
    }

    static let storeUnavailable = Problem(
        status: .serviceUnavailable, code: "store_unavailable", title: "Store unavailable",
        detail: "The database can't be reached at present, so this can't be answered. Nothing was lost; try again.",
        headers: [.retryAfter: "1"])

    static func brokerUnavailable(_ error: PublishError, for action: ClaimAction) -> Problem {
        let advice =
            switch action {
            case .claim: "Send it again with the same key"
            case .cancel: "Send it again"
            }
        return Problem(
            status: .serviceUnavailable, code: "broker_unavailable", title: "Broker unavailable",
            detail: "The \(action.rawValue) was not confirmed: \(error.message). \(advice); "
                + "it is carried out once at most.",
            headers: [.retryAfter: "1"])
    }

    static func notReady(_ missing: String) -> Problem {
        Problem(
            status: .serviceUnavailable, code: "not_ready", title: "Not ready", detail: missing,
            headers: [.retryAfter: "1"])
    }
}

extension PublishError {
    /// One clause for whoever sent the claim.
    fileprivate var message: String {
        switch self {
        case .unreachable: "the broker can't be reached"
        case .connectionLost: "the connection to the broker was lost"
        case .blocked: "the broker takes no messages at present"
        case .refused: "the broker refused it"
        case .unroutable: "the broker has no queue for it"
        case .timeout: "the broker did not confirm it in time"
        case .queueFull: "too many requests wait already"
        case .stopping: "this process is about to end"
        }
    }
}
