import Claims
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import RuntimeSupport
import Testing

@testable import ClaimAPI

/// Every route with every kind of caller. The table is written out, so that a new route fails until it has a row.
@Suite struct AccessTableTests {
    /// Who may use a route: the scope that a service needs, and whether users may. Nil for a route without a token.
    private static let table: [String: (scope: Scope, users: Bool)?] = [
        "GET /": nil,
        "GET /console/{file}": nil,
        "GET /healthz": nil,
        "GET /readyz": nil,
        "GET /openapi.json": nil,
        "GET /metrics": (.metricsRead, false),
        "GET /overview": (.metricsRead, false),
        "GET /overview/events": (.metricsRead, false),
        "GET /dlq": (.deadLettersRead, false),
        "GET /dlq/stats": (.deadLettersRead, false),
        "GET /dlq/messages/{id}": (.deadLettersRead, false),
        "GET /dlq/discarded": (.deadLettersRead, false),
        "POST /dlq/plans": (.deadLettersWrite, false),
        "POST /dlq/jobs": (.deadLettersWrite, false),
        "GET /dlq/jobs/{id}": (.deadLettersRead, false),
        "POST /audits": (.claimsRead, false),
        "GET /audits/{id}": (.claimsRead, false),
        "GET /keys": (.keysWrite, false),
        "POST /keys": (.keysWrite, false),
        "DELETE /keys/{id}": (.keysWrite, false),
        "POST /keys/{id}/rotate": (.keysWrite, false),
        "GET /log": (.keysWrite, false),
        "POST /claims": (.claimsWrite, true),
        "GET /claims/{id}": (.claimsRead, true),
        "GET /claims/{id}/events": (.claimsRead, true),
        "POST /claims/{id}/ticket": (.claimsRead, true),
        "POST /claims/{id}/cancel": (.claimsWrite, true),
        "GET /claims/{id}/timeline": (.claimsRead, false),
        "GET /coupons": (.couponsRead, false),
        "POST /coupons": (.couponsWrite, false),
        "GET /coupons/{name}": (.couponsRead, true),
        "PATCH /coupons/{name}": (.couponsWrite, false),
        "GET /coupons/{name}/claims": (.claimsRead, false),
        "GET /coupons/{name}/eligibility": (.couponsRead, true),
        "PUT /coupons/{name}/eligible-users": (.couponsWrite, false),
        "POST /coupons/{name}/eligible-users": (.couponsWrite, false),
        "DELETE /coupons/{name}/eligible-users": (.couponsWrite, false),
    ]

    private let fixture: AccessFixture

    init() async throws {
        fixture = try await AccessFixture()
    }

    private static func name(_ method: HTTPRequest.Method, _ path: String) -> String { "\(method.rawValue) \(path)" }

    @Test func everyRouteHasARuleAndARow() throws {
        let routed = try OpenAPITests.endpoints().flatMap { endpoint in
            endpoint.handlers.keys.map { Self.name($0, endpoint.path) }
        }
        let ruled = AccessRules.all.flatMap { path, rules in rules.keys.map { Self.name($0, path) } }
        #expect(Set(ruled) == Set(routed), "AccessRules")
        #expect(Set(Self.table.keys) == Set(routed), "the table of this test")
    }

    @Test func everyRouteAdmitsWhoItsRuleAdmits() async throws {
        let endpoints = try OpenAPITests.endpoints()
        try await fixture.test(endpoints) { client in
            for endpoint in endpoints {
                for method in endpoint.handlers.keys {
                    let row = try #require(Self.table[Self.name(method, endpoint.path)])
                    try await check(client, method, endpoint.path, row)
                    if method == .get { try await check(client, .head, endpoint.path, row) }
                }
            }
        }
    }

    private func check(
        _ client: some TestClientProtocol, _ method: HTTPRequest.Method, _ path: String,
        _ row: (scope: Scope, users: Bool)?
    ) async throws {
        for caller in AccessFixture.Caller.allCases {
            let uri = path.replacing("{id}", with: fixture.ownClaim).replacing("{name}", with: "A")
            var headers = fixture.headers(of: caller)
            // A stream has no end. An admitted caller gets 406 instead.
            headers[.accept] = "application/json"
            let response = try await client.execute(
                uri: uri, method: method, headers: headers, body: .init(string: "{}"))
            let expected: Set<Int> =
                switch (row, caller) {
                case (nil, _): []
                case (let row?, .user): row.users ? [] : [403]
                case (let row?, .service(let scope)): scope == row.scope ? [] : [403]
                case (_?, .nobody), (_?, .otherScheme), (_?, .unknownKey), (_?, .wrongSecret), (_?, .revokedKey),
                    (_?, .expiredKey), (_?, .expiredToken), (_?, .forgedToken):
                    [401]
                }
            let place = "\(method) \(path) by \(caller)"
            let status = response.status.code
            #expect(expected.isEmpty ? ![401, 403].contains(status) : expected.contains(status), "\(place): \(status)")
            if status == 401 {
                #expect(response.headers[.wwwAuthenticate] == "Bearer", "\(place)")
                if method != .head { #expect(Data(response.body.readableBytesView) == fixture.refusal, "\(place)") }
            }
            if status == 403, method != .head, let row {
                #expect(String(buffer: response.body).contains(row.scope.rawValue), "\(place)")
            }
        }
    }

    @Test func aRouteWithoutARuleIsRefused() async throws {
        let endpoint = Endpoint("/new", [.get: { _, _ in .init(status: .ok) }])
        // With and without tokens.
        for access in [fixture.access, nil] {
            let router = Router(context: APIContext.self)
            router.add(middleware: ProblemMiddleware(endpoints: [endpoint], logger: .quiet))
            router.add(endpoint, behind: Gate(access: access))
            try await Application(router: router, logger: .quiet).test(.router) { client in
                let headers = fixture.headers(of: .service(.couponsRead))
                let response = try await client.execute(uri: "/new", method: .get, headers: headers)
                #expect(response.status == .forbidden)
            }
        }
    }

    @Test func anOpenAPIIgnoresTheHeader() async throws {
        let endpoints = try OpenAPITests.endpoints()
        let router = Router(context: APIContext.self)
        router.add(middleware: ProblemMiddleware(endpoints: endpoints, logger: .quiet))
        for endpoint in endpoints { router.add(endpoint, behind: Gate()) }
        try await Application(router: router, logger: .quiet).test(.router) { client in
            for token in ["Bearer nonsense", "Bearer ck_x", "Basic dTpw"] {
                let response = try await client.execute(
                    uri: "/metrics", method: .get, headers: [.authorization: token])
                #expect(response.status == .ok)
            }
        }
    }
}
