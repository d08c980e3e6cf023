import Broker
import Claims
import Foundation
import HTTPTypes
import Testing

@testable import ClaimAPI

/// Where the problems among the document's examples come from.
enum ProblemExamples {
    /// A request that is answered with an example without any server.
    struct Exchange: Sendable, CustomTestStringConvertible {
        let example: String
        let method: HTTPRequest.Method
        let uri: String
        var headers: HTTPFields = [.contentType: "application/json"]
        var body = ""

        /// Without the body, which has 16 MiB in one example.
        var testDescription: String { "\(method) \(uri): \(example)" }
    }

    /// The examples that only a running system answers with, or none on purpose.
    static let thrown: [String: Problem] = [
        "InternalError": .internalError,
        "MalformedRequest": .malformedRequest,
        "RequestTimeout": .requestTimeout,
        "Overloaded": .overloaded,
        "Unauthenticated": .unauthenticated,
        "Forbidden": .forbidden(.claimsWrite),
        "ForbiddenUser": .forbiddenUser,
        "RateLimited": .rateLimited(retryAfter: 12),
        "TooManyFailures": .tooManyFailures(retryAfter: 12),
        "TooManyPending": .tooManyPending(maximum: 20),
        "TokensUnavailable": .tokensUnavailable("the API keys are not loaded yet"),
        "IdempotencyKeyReused": .keyReused,
        "Gone": .gone, "NotCancellable": .notCancellable(.pending),
        "CouponExists": .couponExists,
        "AmountBelowClaimed": .amountBelowClaimed(3),
        "ConfirmTimeout": .brokerUnavailable(.timeout, for: .claim),
        "PublishQueueFull": .brokerUnavailable(.queueFull, for: .claim),
        "CancelNotConfirmed": .brokerUnavailable(.unreachable, for: .cancel),
        "NothingMatched": .nothingMatched,
        "KeyNotFound": .keyNotFound,
        "KeyNotActive": .keyNotActive(.revoked),
        "DeadLettersUnavailable": .deadLettersUnavailable,
        "DeadLettersBusy": .deadLettersBusy,
        "NotReadyStopping": .notReady("Claims cannot be accepted. RabbitMQ: shutting down."),
    ]

    /// The examples that a request is answered with.
    static let answered: [Exchange] =
        queries + claims + coupons + userLists + operators + [
            Exchange(example: "NotFound", method: .get, uri: "/nowhere"),
            Exchange(example: "MethodNotAllowed", method: .delete, uri: "/metrics"),
            Exchange(example: "NotReadyConnecting", method: .get, uri: "/readyz"),
            Exchange(
                example: "NotAcceptable", method: .get, uri: "/claims/x/events", headers: [.accept: "application/json"]),
            Exchange(example: "JobNotFound", method: .get, uri: "/dlq/jobs/x"),
            Exchange(example: "ClaimNotFound", method: .get, uri: "/claims/x"),
            Exchange(example: "CouponNotFound", method: .get, uri: "/coupons/%21"),
            Exchange(example: "StoreUnavailable", method: .get, uri: "/coupons"),
        ]

    private static let queries = [
        Exchange(example: "WaitInvalid", method: .get, uri: "/claims/x?wait=31"),
        Exchange(example: "LimitInvalid", method: .get, uri: "/coupons?limit=0"),
        Exchange(example: "CursorInvalid", method: .get, uri: "/coupons?cursor=x"),
        Exchange(example: "StatusInvalid", method: .get, uri: "/coupons/A/claims?status=lost"),
        Exchange(example: "AllInvalid", method: .delete, uri: "/coupons/A/eligible-users?all=yes"),
        Exchange(example: "FilterInvalid", method: .get, uri: "/dlq?older_than=x"),
        Exchange(example: "UserIDInvalid", method: .get, uri: "/coupons/A/eligibility"),
    ]

    private static let claims = [
        Exchange(example: "IdempotencyKeyMissing", method: .post, uri: "/claims", body: order),
        Exchange(
            example: "IdempotencyKeyInvalid", method: .post, uri: "/claims", headers: keyed("a b"), body: order),
        Exchange(
            example: "UserIDMissing", method: .post, uri: "/claims", headers: keyed("k"), body: #"{"coupon_name": "A"}"#
        ),
        Exchange(
            example: "UnsupportedMediaType", method: .post, uri: "/claims",
            headers: [.idempotencyKey: "k", .contentType: "text/plain"], body: order),
        Exchange(
            example: "BodyTooLarge", method: .post, uri: "/claims", headers: keyed("k"),
            body: padded(order, to: BodyLimit.usual + 1)),
        Exchange(example: "BrokerUnreachable", method: .post, uri: "/claims", headers: keyed("k"), body: order),
    ]

    private static let coupons = [
        Exchange(example: "AmountMissing", method: .post, uri: "/coupons", body: #"{"name": "A"}"#),
        Exchange(example: "AmountOutOfRange", method: .patch, uri: "/coupons/A", body: #"{"amount": -1}"#),
        Exchange(
            example: "PerUserLimitOutOfRange", method: .post, uri: "/coupons",
            body: #"{"name": "A", "amount": 1, "per_user_limit": 0}"#),
        Exchange(
            example: "EndNotAfterStart", method: .post, uri: "/coupons",
            body: """
                {"name": "A", "amount": 1, "starts_at": "2026-11-22T18:00:00Z", "ends_at": "2026-11-22T18:00:00Z"}
                """),
        Exchange(
            example: "EligibleUserInvalid", method: .post, uri: "/coupons",
            body: #"{"name": "A", "amount": 1, "eligible_users": ["u1", ""]}"#),
    ]

    private static let operators = [
        Exchange(example: "SelectionInvalid", method: .post, uri: "/dlq/plans", body: #"{"action": "replay"}"#),
        Exchange(example: "PlanMissing", method: .post, uri: "/dlq/jobs", body: #"{"action": "replay"}"#),
        Exchange(example: "ScopesInvalid", method: .post, uri: "/keys", body: #"{"name": "a", "scopes": ["all"]}"#),
        Exchange(example: "OverlapInvalid", method: .post, uri: "/keys/x/rotate", body: #"{"overlap": "x"}"#),
    ]

    private static let userLists = [
        Exchange(
            example: "UnsupportedListType", method: .put, uri: "/coupons/A/eligible-users",
            headers: [.contentType: "text/csv"], body: "u1"),
        Exchange(
            example: "UserListTooLarge", method: .put, uri: "/coupons/A/eligible-users",
            body: padded("[]", to: BodyLimit.userList + 1)),
        Exchange(example: "UserListNotAnArray", method: .put, uri: "/coupons/A/eligible-users", body: "{}"),
        Exchange(
            example: "UserListElementInvalid", method: .put, uri: "/coupons/A/eligible-users", body: #"["u1", ""]"#),
        Exchange(
            example: "UserListTooLong", method: .put, uri: "/coupons/A/eligible-users",
            headers: [.contentType: "text/plain"],
            body: String(repeating: "u\n", count: EligibleUsersChange.limit + 1)),
    ]

    private static let order = #"{"user_id": "u1", "coupon_name": "A"}"#

    private static func keyed(_ key: String) -> HTTPFields {
        [.idempotencyKey: key, .contentType: "application/json"]
    }

    /// JSON of exactly this many bytes.
    private static func padded(_ json: String, to bytes: Int) -> String {
        json + String(repeating: " ", count: bytes - json.utf8.count)
    }
}
