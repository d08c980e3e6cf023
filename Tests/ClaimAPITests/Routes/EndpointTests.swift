import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import Testing

@testable import ClaimAPI

@Suite struct EndpointTests {
    private let endpoint = Endpoint(
        "/coupons/{name}/claims",
        [
            .get: { request, context in
                .init(status: .ok, body: .init(byteBuffer: .init(string: context.pathParameter("name"))))
            },
            .post: { _, _ in .init(status: .created) },
        ])

    @Test func headIsAllowedWhereGetIs() {
        #expect(endpoint.methods == [.get, .head, .post])
        #expect(Endpoint("/x", [.post: { _, _ in .init(status: .ok) }]).methods == [.post])
    }

    @Test(arguments: ["/coupons/SALE/claims", "/coupons/a%20b/claims", "/coupons/SALE/claims/"])
    func anEndpointMatchesItsPathWithAnyParameter(_ path: String) {
        #expect(endpoint.matches(path))
    }

    @Test(arguments: [
        "/", "/coupons", "/coupons/SALE", "/coupons/SALE/users", "/coupons/SALE/claims/1", "/x/SALE/claims",
    ])
    func anEndpointDoesNotMatchAnotherPath(_ path: String) {
        #expect(!endpoint.matches(path))
    }

    private func answer(_ method: HTTPRequest.Method, _ path: String) async throws -> TestResponse {
        let router = Router(context: APIContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: ProblemMiddleware(endpoints: [endpoint], logger: Logger(label: "test")))
        router.add(endpoint, behind: .open)
        return try await Application(router: router, logger: .quiet).test(.router) { client in
            try await client.execute(uri: path, method: method)
        }
    }

    @Test func aRequestIsHandledByItsMethod() async throws {
        #expect(try await answer(.get, "/coupons/SALE/claims").status == .ok)
        #expect(try await answer(.post, "/coupons/SALE/claims").status == .created)
        #expect(try await answer(.head, "/coupons/SALE/claims").status == .ok)
    }

    @Test(arguments: [("SALE", "SALE"), ("flash%20sale!", "flash sale!"), ("a%2Fb", "a/b"), ("%FF", "")])
    func aPathParameterIsPercentDecoded(_ written: String, _ read: String) async throws {
        #expect(String(buffer: try await answer(.get, "/coupons/\(written)/claims").body) == read)
    }

    @Test func anotherMethodIsRefusedWithTheAllowedOnes() async throws {
        for method in [HTTPRequest.Method.delete, .put, .patch, .options] {
            let response = try await answer(method, "/coupons/SALE/claims")
            #expect(response.status == .methodNotAllowed)
            #expect(response.headers[.allow] == "GET, HEAD, POST")
            #expect(response.headers[.contentType] == "application/problem+json")
        }
    }

    @Test(arguments: ["/nowhere", "/", "/coupons/SALE/claims/1"])
    func anUnknownPathIsNotFound(_ path: String) async throws {
        let response = try await answer(.get, path)
        #expect(response.status == .notFound)
        #expect(String(buffer: response.body).contains(#""code":"not_found""#))
    }
}

extension Gate {
    /// Admits everyone to every path.
    static var open: Gate { Gate(rule: { _, _ in .open }) }
}

extension Logger {
    /// Logs nothing.
    static var quiet: Logger { Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() } }
}
