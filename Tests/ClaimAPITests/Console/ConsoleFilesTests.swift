import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import Testing

@testable import ClaimAPI

@Suite struct ConsoleFilesTests {
    private static let files = [
        "index.html", "console.css", "icon.svg", "app.js", "api.js", "dom.js", "feed.js", "charts.js", "format.js",
        "overview.js", "coupons.js", "claims.js", "deadletters.js", "keys.js", "log.js", "rush.js",
    ]

    private func get(_ uri: String, _ headers: HTTPFields = [:]) async throws -> TestResponse {
        let router = Router(context: APIContext.self)
        router.add(middleware: ProblemMiddleware(endpoints: ConsoleFiles.endpoints, logger: .quiet))
        for endpoint in ConsoleFiles.endpoints { router.add(endpoint, behind: Gate()) }
        return try await Application(router: router, logger: .quiet).test(.router) { client in
            try await client.execute(uri: uri, method: .get, headers: headers)
        }
    }

    @Test func thePageIsAtTheRoot() async throws {
        let response = try await get("/")
        #expect(response.status == .ok)
        #expect(response.headers[.contentType] == "text/html; charset=utf-8")
        #expect(String(buffer: response.body).hasPrefix("<!doctype html>"))
    }

    @Test(arguments: files) func aFileIsSentUntilTheBrowserHasIt(_ name: String) async throws {
        let response = try await get("/console/\(name)")
        #expect(response.status == .ok && response.body.readableBytes > 0)
        let tag = try #require(response.headers[.eTag])
        #expect(response.headers[.cacheControl] == "no-cache")
        let again = try await get("/console/\(name)", [.ifNoneMatch: tag])
        #expect(again.status == .notModified && again.body.readableBytes == 0)
        #expect(again.headers[.eTag] == tag)
        #expect(try await get("/console/\(name)", [.ifNoneMatch: "\"other\""]).status == .ok)
    }

    @Test(arguments: ["nothing.js", "..%2Fopenapi.json", "%2e%2e", "app.js%00"])
    func anythingElseIsNotFound(_ name: String) async throws {
        #expect(try await get("/console/\(name)").status == .notFound)
    }

    @Test func thePolicyAllowsOnlyThePagesOwnFiles() async throws {
        let policy = try #require(try await get("/").headers[.contentSecurityPolicy])
        #expect(policy.contains("default-src 'none'") && !policy.contains("unsafe") && !policy.contains("nonce"))
        let text = String(buffer: try await get("/").body)
        #expect(text.firstMatch(of: /<script(?![^>]* src="\/console\/)/) == nil)
        #expect(text.firstMatch(of: /<[^>]+ (on[a-z]+|style)=/) == nil && !text.contains("<style"))
    }

    @Test func otherPagesCanNeitherFrameNorReachThePage() async throws {
        let headers = try await get("/").headers
        #expect(headers[.xFrameOptions] == "DENY" && headers[.crossOriginOpenerPolicy] == "same-origin")
        #expect(headers[.xContentTypeOptions] == "nosniff" && headers[.referrerPolicy] == "no-referrer")
    }

    @Test func allFilesTogetherAreSmallAndLoadNothingFromOtherServers() async throws {
        var size = 0
        for name in Self.files {
            let body = try await get("/console/\(name)").body
            size += body.readableBytes
            let text = String(buffer: body).replacing("http://www.w3.org/2000/svg", with: "")
            let code = text.replacing(/(?m)^\s*(\/\/|\*).*$/, with: "")
            #expect(code.firstMatch(of: /https?:\/\//) == nil, "\(name)")
            #expect(
                code.firstMatch(of: /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(/) == nil, "\(name)"
            )
        }
        #expect(size < 150 * 1024)
    }
}
