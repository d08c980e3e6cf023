import Broker
import Claims
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Postgres
import Testing

@testable import ClaimAPI

@Suite struct ProblemTests {
    @Test(
        arguments: [
            (.notFound, 404, "not_found"), (.methodNotAllowed(allow: [.get]), 405, "method_not_allowed"),
            (.unsupportedMediaType, 415, "unsupported_media_type"), (.bodyTooLarge(limit: 1024), 413, "body_too_large"),
            (.invalidParameter("limit", "1"), 400, "invalid_parameter"), (.invalidBody("x"), 422, "invalid_body"),
            (.internalError, 500, "internal_error"), (.keyMissing, 400, "idempotency_key_missing"),
            (.keyInvalid, 400, "idempotency_key_invalid"), (.keyReused, 422, "idempotency_key_reused"),
            (.claimNotFound, 404, "claim_not_found"), (.couponNotFound, 404, "coupon_not_found"),
            (.couponExists, 409, "coupon_exists"), (.storeUnavailable, 503, "store_unavailable"),
            (.brokerUnavailable(.timeout, for: .claim), 503, "broker_unavailable"),
            (.brokerUnavailable(.timeout, for: .cancel), 503, "broker_unavailable"),
            (.notCancellable(.pending), 409, "not_cancellable"), (.amountBelowClaimed(3), 409, "amount_below_claimed"),
            (.unsupportedListType, 415, "unsupported_media_type"), (.notAcceptable, 406, "not_acceptable"),
            (.notReady("RabbitMQ: connecting."), 503, "not_ready"),
        ] as [(Problem, Int, String)])
    func statusAndCodeAreThoseOfTheContract(_ problem: Problem, _ status: Int, _ code: String) {
        #expect(problem.status.code == status)
        #expect(problem.code == code)
        #expect(problem.body.type == "urn:claims:problem:\(code)")
        #expect(problem.body.title == problem.type.title && !problem.type.title.isEmpty)
    }

    @Test func titlesAreDistinct() {
        let titles = ProblemType.allCases.map(\.title)
        #expect(Set(titles).count == titles.count)
    }

    @Test(arguments: [(16 * 1024, "16 KiB"), (16 * 1024 * 1024, "16 MiB"), (1536 * 1024, "1536 KiB")])
    func aSizeLimitIsGivenInItsLargestWholeUnit(_ limit: Int, _ size: String) {
        #expect(Problem.bodyTooLarge(limit: limit).detail.contains("limit of \(size)."))
    }

    @Test(arguments: [Problem.storeUnavailable, .brokerUnavailable(.queueFull, for: .claim), .notReady("RabbitMQ")])
    func anUnavailableServerSetsRetryAfter(_ problem: Problem) {
        #expect(problem.headers[.retryAfter] == "1")
    }

    /// Returns the answer to a request whose route throws this error.
    private func answer(_ error: any Error & Sendable) async throws -> (response: TestResponse, body: [String: Any]) {
        let endpoint = Endpoint("/", [.get: { _, _ in throw error }])
        let router = Router(context: APIContext.self)
        router.add(middleware: ProblemMiddleware(endpoints: [endpoint], logger: .quiet))
        router.add(endpoint, behind: .open)
        let response = try await Application(router: router, logger: .quiet).test(.router) { client in
            try await client.execute(uri: "/", method: .get)
        }
        let body = try JSONSerialization.jsonObject(with: Data(response.body.readableBytesView)) as? [String: Any]
        return (response, try #require(body))
    }

    @Test func aProblemIsEncodedAsRFC9457Requires() async throws {
        let (response, body) = try await answer(Problem.couponExists)
        #expect(response.status == .conflict)
        #expect(response.headers[.contentType] == "application/problem+json")
        #expect(Set(body.keys) == ["type", "title", "status", "detail", "code"])
        #expect(body["status"] as? Int == 409)
        #expect(body["code"] as? String == "coupon_exists")
    }

    @Test func aProblemCarriesItsHeaders() async throws {
        #expect(try await answer(Problem.storeUnavailable).response.headers[.retryAfter] == "1")
        #expect(
            try await answer(Problem.methodNotAllowed(allow: [.get, .post])).response.headers[.allow] == "GET, POST")
    }

    @Test(arguments: [nil, "57P03", "08006", "57014", "55P03"])
    func anUnreachableOrSlowDatabaseIsUnavailable(_ state: String?) async throws {
        let (response, body) = try await answer(PostgresError(sqlState: state, message: "secret"))
        #expect(response.status == .serviceUnavailable)
        #expect(body["code"] as? String == "store_unavailable")
    }

    @Test func anUnexpectedErrorIsAnsweredWithoutInternals() async throws {
        struct Odd: Error { let secret = "hunter2" }
        for error in [Odd(), PostgresError(sqlState: "22012", message: "hunter2")] as [any Error & Sendable] {
            let (response, body) = try await answer(error)
            #expect(response.status == .internalServerError)
            #expect(body["code"] as? String == "internal_error")
            #expect(!String(buffer: response.body).contains("hunter2"))
        }
    }
}
