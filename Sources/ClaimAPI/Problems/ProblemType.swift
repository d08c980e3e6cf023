import Claims
import HTTPTypes

/// A problem type (RFC 9457): a stable code for programs, with its HTTP status and title.
///
/// The codes and statuses are part of the API. `openapi.json` documents each of them.
enum ProblemType: String, CaseIterable, Sendable {
    case notFound = "not_found"
    case methodNotAllowed = "method_not_allowed"
    case notAcceptable = "not_acceptable"
    case unsupportedMediaType = "unsupported_media_type"
    case bodyTooLarge = "body_too_large"
    case invalidParameter = "invalid_parameter"
    case invalidBody = "invalid_body"
    case internalError = "internal_error"
    case unauthenticated
    case forbidden
    case forbiddenUser = "forbidden_user"
    case rateLimited = "rate_limited"
    case tooManyPending = "too_many_pending"
    case idempotencyKeyMissing = "idempotency_key_missing"
    case idempotencyKeyInvalid = "idempotency_key_invalid"
    case idempotencyKeyReused = "idempotency_key_reused"
    case claimNotFound = "claim_not_found"
    case gone
    case notCancellable = "not_cancellable"
    case couponNotFound = "coupon_not_found"
    case couponExists = "coupon_exists"
    case amountBelowClaimed = "amount_below_claimed"
    case nothingMatched = "nothing_matched"
    case jobNotFound = "job_not_found"
    case keyNotFound = "key_not_found"
    case keyNotActive = "key_not_active"
    case storeUnavailable = "store_unavailable"
    case brokerUnavailable = "broker_unavailable"
    case overloaded
    case malformedRequest = "malformed_request"
    case requestTimeout = "request_timeout"
    case notReady = "not_ready"

    /// The word that programs switch on.
    var code: String { rawValue }
    /// The value of `type`: a URN that ends with the code.
    var uri: String { "urn:claims:problem:\(code)" }
    /// The status of the answer.
    var status: HTTPResponse.Status { definition.status }
    /// The short name for people, the same for every occurrence.
    var title: String { definition.title }

    private var definition: (status: HTTPResponse.Status, title: String) {
        switch self {
        case .notFound: (.notFound, "Not found")
        case .methodNotAllowed: (.methodNotAllowed, "Method not allowed")
        case .notAcceptable: (.notAcceptable, "Not acceptable")
        case .unsupportedMediaType: (.unsupportedMediaType, "Unsupported media type")
        case .bodyTooLarge: (.contentTooLarge, "Body too large")
        case .invalidParameter: (.badRequest, "Invalid query parameter")
        case .invalidBody: (.unprocessableContent, "Invalid body")
        case .internalError: (.internalServerError, "Internal error")
        case .unauthenticated: (.unauthorized, "Unauthenticated")
        case .forbidden: (.forbidden, "Forbidden")
        case .forbiddenUser: (.forbidden, "Forbidden user")
        case .rateLimited: (.tooManyRequests, "Rate limited")
        case .tooManyPending: (.tooManyRequests, "Too many pending claims")
        case .idempotencyKeyMissing: (.badRequest, "Idempotency key missing")
        case .idempotencyKeyInvalid: (.badRequest, "Idempotency key invalid")
        case .idempotencyKeyReused: (.unprocessableContent, "Idempotency key reused")
        case .claimNotFound: (.notFound, "Claim not found")
        case .gone: (.gone, "Claim deleted")
        case .notCancellable: (.conflict, "Claim not cancellable")
        case .couponNotFound: (.notFound, "Coupon not found")
        case .couponExists: (.conflict, "Coupon already exists")
        case .amountBelowClaimed: (.conflict, "Amount below claimed")
        case .nothingMatched: (.notFound, "Nothing matched")
        case .jobNotFound: (.notFound, "Job not found")
        case .keyNotFound: (.notFound, "Key not found")
        case .keyNotActive: (.conflict, "Key not active")
        case .storeUnavailable: (.serviceUnavailable, "Database unavailable")
        case .brokerUnavailable: (.serviceUnavailable, "Broker unavailable")
        case .overloaded: (.serviceUnavailable, "Overloaded")
        case .malformedRequest: (.badRequest, "Malformed request")
        case .requestTimeout: (.requestTimeout, "Request timeout")
        case .notReady: (.serviceUnavailable, "Not ready")
        }
    }
}
