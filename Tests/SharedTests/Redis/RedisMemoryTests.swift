import Testing

@testable import Redis

@Suite struct RedisMemoryTests {
    private func memory(
        used: Int64 = 100, limit: Int64 = 1000, policy: String = "volatile-lru", evicted: Int64 = 0
    ) -> RedisMemory {
        RedisMemory(used: used, limit: limit, policy: policy, evictedKeys: evicted)
    }

    @Test func theServersReportIsRead() throws {
        let replies: [RedisReply] = [
            .string("# Memory\r\nused_memory:1048576\r\nmaxmemory:2147483648\r\nmaxmemory_policy:allkeys-lru\r\n"),
            .string("# Stats\r\nexpired_keys:3\r\nevicted_keys:7\r\n"),
        ]
        #expect(
            try RedisMemory.lookUp.answer(replies[...])
                == memory(used: 1 << 20, limit: 1 << 31, policy: "allkeys-lru", evicted: 7))
    }

    @Test func aRefusalIsNoReport() throws {
        #expect(try RedisMemory.lookUp.answer([.error("NOPERM"), .error("NOPERM")]) == nil)
    }

    @Test(arguments: [0, 1, 799] as [Int64]) func withRoomThereIsNoWarning(_ used: Int64) {
        #expect(memory(used: used).warning() == nil)
    }

    @Test func withoutALimitThereIsNoWarning() {
        #expect(memory(used: 1 << 40, limit: 0).warning() == nil)
    }

    @Test(arguments: ["volatile-lru", "allkeys-lru", "volatile-ttl"])
    func aFillingServerIsReportedBeforeItEvicts(_ policy: String) throws {
        let warning = try #require(memory(used: 800, policy: policy).warning())
        #expect(warning.contains("80 %") && warning.contains("evicts"))
    }

    @Test func aFillingServerThatRefusesWritesIsReported() throws {
        #expect(try #require(memory(used: 950, policy: "noeviction").warning()).contains("refuses"))
    }

    @Test func newEvictionsAreReported() {
        let earlier = memory(evicted: 5)
        #expect(memory(evicted: 5).warning() != nil)
        #expect(memory(evicted: 5).warning(since: earlier) == nil)
        #expect(memory(evicted: 6).warning(since: earlier) != nil)
        #expect(memory(evicted: 1).warning(since: earlier) != nil, "the server was restarted")
        #expect(memory(evicted: 0).warning(since: earlier) == nil)
    }
}
