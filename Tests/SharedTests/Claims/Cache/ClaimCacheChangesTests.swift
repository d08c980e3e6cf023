import Claims
import Redis
import Testing

@Suite struct ClaimCacheChangesTests {
    @Test func whatIsAnnouncedIsRead() throws {
        let ids = ["0", "v"].compactMap { ClaimID(String(repeating: $0, count: 40)) }
        let command = try #require(ClaimCache.announce(ids).commands.first)
        #expect(command.prefix(2) == ["PUBLISH", "claims:changes"])
        #expect(ClaimCache.announcedIDs(in: command[2]).map(String.init) == ids.map(\.description))
    }

    @Test func anEmptyMessageAnnouncesNothing() {
        #expect(ClaimCache.announcedIDs(in: "").isEmpty)
    }
}
