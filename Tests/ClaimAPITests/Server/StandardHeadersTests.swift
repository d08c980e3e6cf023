import Foundation
import HTTPTypes
import Testing

@testable import ClaimAPI

@Suite struct StandardHeadersTests {
    /// RFC 9110, section 5.6.7.
    @Test func theDateHasTheFormOfHTTP() {
        let fields = StandardHeaders().fields(at: Date(timeIntervalSince1970: 784_111_777.9))
        #expect(fields[.date] == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(fields[.server] == "claims")
    }

    @Test func theDateFollowsTheClock() {
        let headers = StandardHeaders()
        let dates = [0, 0.9, 1, 59.5, 86_400].map { headers.fields(at: Date(timeIntervalSince1970: $0))[.date] }
        #expect(
            dates == [
                "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:01 GMT",
                "Thu, 01 Jan 1970 00:00:59 GMT", "Fri, 02 Jan 1970 00:00:00 GMT",
            ])
    }
}
