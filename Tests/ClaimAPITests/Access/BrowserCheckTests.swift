import HTTPTypes
import Hummingbird
import NIOCore
import Testing

@testable import ClaimAPI

@Suite struct BrowserCheckTests {
    private func refuses(
        _ check: BrowserCheck, _ method: HTTPRequest.Method, host: String = "127.0.0.1:8080", site: String? = nil,
        origin: String? = nil
    ) -> Bool {
        var fields: HTTPFields = [:]
        fields[.secFetchSite] = site
        fields[.origin] = origin
        let head = HTTPRequest(method: method, scheme: "http", authority: host, path: "/claims", headerFields: fields)
        do throws(Problem) {
            try check.check(Request(head: head, body: RequestBody(buffer: ByteBuffer())))
            return false
        } catch {
            return error.body.code == "forbidden"
        }
    }

    @Test(arguments: ["cross-site", "same-site"]) func aPageOfAnotherSiteCanRequestNoChange(_ site: String) {
        for method in [HTTPRequest.Method.post, .put, .patch, .delete] {
            #expect(refuses(BrowserCheck(), method, site: site, origin: "http://evil.example"))
        }
        // The browser does not show the answer to such a page.
        #expect(!refuses(BrowserCheck(), .get, site: site))
    }

    @Test(arguments: ["same-origin", "none", nil]) func theConsoleAndOtherClientsCanRequestChanges(_ site: String?) {
        #expect(!refuses(BrowserCheck(), .post, site: site))
    }

    @Test func aListedOriginCanRequestChanges() {
        let check = BrowserCheck(origins: ["https://shop.example"])
        #expect(!refuses(check, .post, site: "cross-site", origin: "https://shop.example"))
        #expect(refuses(check, .post, site: "cross-site", origin: "https://other.example"))
        #expect(refuses(check, .post, site: "cross-site"))
    }

    @Test(arguments: [
        "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "1.2.3.400", "a.b.c.d",
    ])
    func aPageWhoseNameResolvesToThisMachineIsRefused(_ host: String) {
        let check = BrowserCheck(requiresLocalHost: true)
        #expect(refuses(check, .get, host: host) && refuses(check, .post, host: host, site: "same-origin"))
        #expect(!refuses(BrowserCheck(), .get, host: host))
    }

    @Test(arguments: [
        "127.0.0.1", "127.0.0.1:8080", "localhost:8080", "LOCALHOST", "claims.localhost", "[::1]:8080", "api:8080", "",
    ])
    func theNamesOfThisMachineAreAccepted(_ host: String) {
        #expect(!refuses(BrowserCheck(requiresLocalHost: true), .post, host: host))
    }
}
