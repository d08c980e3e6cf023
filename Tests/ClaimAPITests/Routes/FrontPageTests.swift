import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import Testing

@testable import ClaimAPI

@Suite struct FrontPageTests {
    private func page() async throws -> TestResponse {
        let router = Router(context: APIContext.self)
        router.add(Endpoint("/", [.get: { _, _ in try FrontPage.response() }]), behind: .open)
        return try await Application(router: router, logger: .quiet).test(.router) { client in
            try await client.execute(uri: "/", method: .get)
        }
    }

    @Test func thePageIsHTMLThatIsNotStored() async throws {
        let response = try await page()
        #expect(response.status == .ok)
        #expect(response.headers[.contentType] == "text/html; charset=utf-8")
        #expect(response.headers[.cacheControl] == "no-store")
        #expect(String(buffer: response.body).hasPrefix("<!doctype html>"))
    }

    @Test func thePolicyAllowsOnlyThePagesOwnStyleAndScript() async throws {
        let response = try await page()
        let policy = try #require(response.headers[.contentSecurityPolicy])
        let nonce = try #require(policy.firstMatch(of: /script-src 'nonce-([A-Za-z0-9+\/=]{24})'/)?.1)
        #expect(policy.contains("default-src 'none'") && !policy.contains("unsafe"))
        let text = String(buffer: response.body)
        #expect(text.contains("<script nonce=\"\(nonce)\">") && text.contains("<style nonce=\"\(nonce)\">"))
        #expect(!text.contains("{{"))
        // The policy blocks inline handlers and styles.
        #expect(text.firstMatch(of: /<[^>]+ (on[a-z]+|style)=/) == nil)
    }

    @Test func otherPagesCanNeitherFrameNorReachThePage() async throws {
        let headers = try await page().headers
        #expect(headers[.xFrameOptions] == "DENY" && headers[.crossOriginOpenerPolicy] == "same-origin")
        #expect(headers[.xContentTypeOptions] == "nosniff" && headers[.referrerPolicy] == "no-referrer")
        #expect(headers[.permissionsPolicy]?.contains("camera=()") == true)
    }

    @Test func eachPageHasItsOwnNonce() async throws {
        let policies = [try await page(), try await page()].map { $0.headers[.contentSecurityPolicy] }
        #expect(policies[0] != policies[1])
    }

    @Test func thePageLoadsNothingFromOtherServers() async throws {
        let text = String(buffer: try await page().body)
        #expect(text.firstMatch(of: /https?:\/\//) == nil)
        #expect(text.firstMatch(of: /(src|@import|url\()/) == nil)
    }
}
