import Broker
import Claims
import Foundation
import HTTPTypes
import Hummingbird
import RuntimeSupport

/// An error as clients see it: `application/problem+json` (RFC 9457) with a `code` for programs.
struct Problem: Error, HTTPResponseError {
    /// The JSON of a problem.
    struct Body: Encodable {
        let type: String
        let title: String
        let status: Int
        let detail: String
        let code: String
    }

    let type: ProblemType
    /// What is wrong with this request and what to do next.
    let detail: String
    /// The headers of the answer besides its content type.
    let headers: HTTPFields

    /// A problem that happened to one request.
    ///
    /// - Parameters:
    ///   - detail: whole sentences. They say what happened, that nothing was lost or changed where that is in doubt,
    ///     and what the client can do.
    ///   - headers: headers that the answer carries besides its content type.
    init(_ type: ProblemType, _ detail: String, headers: HTTPFields = [:]) {
        self.type = type
        self.detail = detail
        self.headers = headers
    }

    var status: HTTPResponse.Status { type.status }
    var code: String { type.code }

    var body: Body {
        Body(type: type.uri, title: type.title, status: status.code, detail: detail, code: code)
    }

    /// Returns the problem with further headers.
    func adding(_ fields: HTTPFields) -> Problem {
        var headers = headers
        headers.append(contentsOf: fields)
        return Problem(type, detail, headers: headers)
    }

    func response(from request: Request, context: some RequestContext) throws -> Response {
        var response = Response.json(encoded: try JSON.encoder.encode(body), status: status)
        response.headers[.contentType] = "application/problem+json"
        response.headers.append(contentsOf: headers)
        return response
    }
}

extension Problem {
    // MARK: Requests

    static let notFound = Problem(
        .notFound, "No resource exists at this path. GET /openapi.json lists all paths.")

    /// - Parameter allow: the methods that the path supports.
    static func methodNotAllowed(allow: [HTTPRequest.Method]) -> Problem {
        let names = allow.map(\.rawValue).joined(separator: ", ")
        return Problem(
            .methodNotAllowed, "This path does not support the method. Supported methods: \(names).",
            headers: [.allow: names])
    }

    static let notAcceptable = Problem(
        .notAcceptable, "This path returns text/event-stream, which the Accept header excludes.")

    static let unsupportedMediaType = Problem(
        .unsupportedMediaType, "The Content-Type is not supported. Send the body as application/json.")

    static let unsupportedListType = Problem(
        .unsupportedMediaType,
        "The Content-Type is not supported. Send the user ids as application/json (an array of strings) "
            + "or as text/plain (one user id per line).")

    /// - Parameter limit: the most bytes that the body may have.
    static func bodyTooLarge(limit: Int) -> Problem {
        let mebibyte = 1024 * 1024
        let size = limit % mebibyte == 0 ? "\(limit / mebibyte) MiB" : "\(limit / 1024) KiB"
        return Problem(.bodyTooLarge, "The body exceeds the limit of \(size). Nothing was changed.")
    }

    /// - Parameters:
    ///   - name: the parameter's name.
    ///   - rule: what its value must be, as the end of a sentence.
    static func invalidParameter(_ name: String, _ rule: String) -> Problem {
        Problem(.invalidParameter, "The query parameter \(name) must be \(rule).")
    }

    static let invalidUserID = invalidParameter(
        "user_id", "1 to \(UserID.maximumLength) characters without control characters")

    /// - Parameter detail: one sentence that names the field.
    static func invalidBody(_ detail: String) -> Problem {
        Problem(.invalidBody, detail)
    }

    static let malformedRequest = Problem(
        .malformedRequest, "The request is not valid HTTP, or its body is incomplete. Nothing was changed.")

    static let requestTimeout = Problem(
        .requestTimeout, "The body of the request did not arrive in time. Nothing was changed. Send the request again.")

    static let internalError = Problem(
        .internalError, "An unexpected error occurred. The same request can be sent again.")

    // MARK: Access

    static let unauthenticated = Problem(
        .unauthenticated,
        "A valid token is required. Send it as Authorization: Bearer TOKEN, with a user's JWT or the API key of a service.",
        headers: [.wwwAuthenticate: "Bearer"])

    /// - Parameter scope: what the caller lacks.
    static func forbidden(_ scope: Scope) -> Problem {
        Problem(.forbidden, "This request needs an API key with the scope \(scope.rawValue).")
    }

    static let noRule = Problem(.forbidden, "No rule allows this request.")

    static let crossSite = Problem(
        .forbidden, "A page of another site sent this request. Nothing was changed.")

    static let foreignHost = Problem(
        .forbidden,
        "The Host header is not an address or a name of this machine. This API listens on loopback and requires no token, "
            + "so other names are refused. Nothing was changed. Use 127.0.0.1 or localhost, or set CLAIMS_AUTH.")

    static let forbiddenUser = Problem(
        .forbiddenUser,
        "user_id must be the user of the token. It can be left out. Nothing was changed.")

    /// - Parameter retryAfter: seconds.
    static func tooManyFailures(retryAfter: Int) -> Problem {
        Problem(
            .rateLimited, "Too many requests with an invalid token came from this address. Send a valid token later.",
            headers: [.retryAfter: String(max(1, retryAfter))])
    }

    /// - Parameter retryAfter: seconds.
    static func rateLimited(retryAfter: Int) -> Problem {
        Problem(
            .rateLimited,
            "Too many requests. Nothing was changed. Send the request again after the time in Retry-After, a claim with "
                + "the same Idempotency-Key.",
            headers: [.retryAfter: String(max(1, retryAfter))])
    }

    /// - Parameter maximum: the pending claims that are allowed.
    static func tooManyPending(maximum: Int) -> Problem {
        Problem(
            .tooManyPending,
            "This user has \(maximum) claims for this coupon that are not decided yet, the most that are allowed. Nothing "
                + "was changed. Send the request again when one of them is decided, with the same Idempotency-Key.",
            headers: [.retryAfter: "1"])
    }

    /// - Parameter reason: what is missing, as a clause.
    static func tokensUnavailable(_ reason: String) -> Problem {
        Problem(
            .storeUnavailable, "Tokens cannot be checked: \(reason). Nothing was changed. Send the request again.",
            headers: [.retryAfter: "1"])
    }

    // MARK: Claims

    static let keyMissing = Problem(
        .idempotencyKeyMissing,
        "The Idempotency-Key header is missing. Send a unique value for each claim, and the same value to retry it.")

    static let keyInvalid = Problem(
        .idempotencyKeyInvalid,
        "Idempotency-Key must be 1 to \(IdempotencyKey.maximumLength) printable ASCII characters, "
            + "either bare without spaces or as a quoted string.")

    static let keyReused = Problem(
        .idempotencyKeyReused,
        "This user has already sent this key with another coupon_name. The first claim is unchanged. "
            + "Use a new key for a new claim.")

    static let claimNotFound = Problem(
        .claimNotFound, "No claim was accepted with this id. Use the id from the answer to POST /claims.")

    static let gone = Problem(
        .gone, "The claim was decided, and deleted after the retention period. Its outcome is no longer available.")

    static func notCancellable(_ status: ClaimStatus) -> Problem {
        Problem(
            .notCancellable,
            "The claim is \(status.rawValue). Only a claim with status claimed can be cancelled. Nothing was changed.")
    }

    // MARK: Coupons

    static let couponNotFound = Problem(.couponNotFound, "The coupon does not exist.")

    static let couponExists = Problem(
        .couponExists, "A coupon with this name already exists. Nothing was changed.")

    /// - Parameter claimed: the number of coupons already claimed.
    static func amountBelowClaimed(_ claimed: Int) -> Problem {
        Problem(
            .amountBelowClaimed,
            "amount must be at least \(claimed), the number of coupons already claimed. Nothing was changed.")
    }

    // MARK: Keys

    static let keyNotFound = Problem(.keyNotFound, "No API key has this id. Nothing was changed.")

    static func keyNotActive(_ status: APIKey.Status) -> Problem {
        Problem(
            .keyNotActive,
            "The key is \(status.rawValue), so it cannot be rotated. Nothing was changed. Create a new key.")
    }

    // MARK: Servers

    static let storeUnavailable = Problem(
        .storeUnavailable,
        "The database is unreachable or too slow to answer. No accepted claim is lost. Send the request again.",
        headers: [.retryAfter: "1"])

    static func brokerUnavailable(_ error: PublishError, for action: ClaimAction) -> Problem {
        let advice =
            switch action {
            case .claim: "Send the request again with the same Idempotency-Key"
            case .cancel: "Send the request again"
            }
        return Problem(
            .brokerUnavailable,
            "The \(action.rawValue) was not confirmed: \(error.message). \(advice); "
                + "the \(action.rawValue) takes effect at most once.",
            headers: [.retryAfter: "1"])
    }

    static let overloaded = Problem(
        .overloaded,
        "Too many requests are in progress. Nothing was changed. Send the request again, a claim with the same "
            + "Idempotency-Key.",
        headers: [.retryAfter: "1"])

    /// - Parameter missing: why claims cannot be accepted.
    static func notReady(_ missing: String) -> Problem {
        Problem(.notReady, missing, headers: [.retryAfter: "1"])
    }
}

extension PublishError {
    /// One clause for the client that sent the request.
    fileprivate var message: String {
        switch self {
        case .unreachable: "the broker is unreachable"
        case .connectionLost: "the connection to the broker was lost"
        case .blocked: "the broker blocks publishers"
        case .refused: "the broker rejected the message"
        case .unroutable: "the broker has no queue for the message"
        case .timeout: "the publisher confirm did not arrive in time"
        case .queueFull: "too many requests are waiting for a confirm"
        case .stopping: "the server is shutting down"
        }
    }
}
