import Claims
import Foundation
import NIOCore
import RuntimeSupport
import Testing

@testable import ClaimAPI

@Suite struct ClaimEventsTests {
    @Test(arguments: [
        nil, "", "*/*", "text/event-stream", "Text/Event-Stream", "text/*;q=0.1", "application/json, */*;q=0.5",
        "text/html,text/event-stream;q=0.9",
    ])
    func anAcceptFieldThatAdmitsEventsIsAccepted(_ accept: String?) {
        #expect(ClaimEvents.areAccepted(by: accept))
    }

    @Test(arguments: [
        "application/json", "text/html", "text/event-stream;q=0", "*/*;q=0", "text/event-stream;q=0, */*",
        "text/*;q=0.0, */*",
        "text/event-streams",
    ])
    func anAcceptFieldThatExcludesEventsIsNotAccepted(_ accept: String) {
        #expect(!ClaimEvents.areAccepted(by: accept))
    }

    private func claim(_ status: ClaimStatus, attempts: Int = 1, decided: Int64? = nil) throws -> Claim {
        Claim(
            id: try #require(ClaimID(String(repeating: "0", count: 40))), status: status,
            userID: UserID("grö\u{2028}ße"),
            attempts: attempts, decidedAt: decided.map(Timestamp.init(milliseconds:)))
    }

    @Test func anEventHoldsTheClaimInOneDataLine() throws {
        let claim = try claim(.claimed, decided: 1_795_368_460_456)
        let text = String(buffer: try ClaimEvents.event(claim))
        #expect(text.hasPrefix("event: claim\nid: claimed-1-1795368460456\ndata: {"))
        #expect(text.hasSuffix("}\n\n"))
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 5 && lines.filter { $0.hasPrefix("data: ") }.count == 1)
        let data = try #require(lines.first { $0.hasPrefix("data: ") }).dropFirst(6)
        #expect(try JSONDecoder().decode(Claim.self, from: Data(data.utf8)) == claim)
    }

    @Test func everyStateOfAClaimHasItsOwnEventID() throws {
        let claims = try [
            claim(.pending, attempts: 0), claim(.pending), claim(.claimed, decided: 1), claim(.cancelled, decided: 2),
            claim(.deadLettered, attempts: 4, decided: 1), claim(.deadLettered, attempts: 4, decided: 2),
        ]
        #expect(Set(claims.map(ClaimEvents.id)).count == claims.count)
    }
}
