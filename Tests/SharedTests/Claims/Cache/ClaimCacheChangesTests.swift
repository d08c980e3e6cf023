import Claims
import Redis
import Testing

@Suite struct ClaimCacheChangesTests {
    @Test func whatIsAnnouncedIsRead() throws {
        let ids = ["0", "v"].compactMap { ClaimID(String(repeating: $0, count: 40)) }
        let command = try #require(ClaimCache.announce(ids).commands.first)
        #expect(command.prefix(2) == ["PUBLISH", "claims:changes"])
        let message = RedisReply.array([.string("message"), .string(command[1]), .string(command[2])])
        #expect(ClaimCache.announcedIDs(in: message).map(String.init) == ids.map(\.description))
    }

    @Test(
        arguments: [
            .null, .string("message"), .array([]), .array([.string("message"), .string("claims:changes")]),
            .array([.string("subscribe"), .string("claims:changes"), .integer(1)]),
            .array([.string("message"), .string("other"), .string("a b")]),
            .array([.string("message"), .string("claims:changes"), .integer(1)]),
            .array([.string("message"), .string("claims:changes"), .string("")]),
        ] as [RedisReply])
    func anotherReplyAnnouncesNothing(_ reply: RedisReply) {
        #expect(ClaimCache.announcedIDs(in: reply).isEmpty)
    }
}
