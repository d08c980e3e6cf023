import Redis
import Testing

@Suite struct RedisMemoryTests {
    private func memory(_ used: Int, of maximum: Int, _ policy: String = "noeviction") -> RedisMemory? {
        RedisMemory(
            info: "# Memory\r\nused_memory:\(used)\r\nused_memory_human:1M\r\nmaxmemory:\(maximum)\r\n"
                + "maxmemory_policy:\(policy)\r\n")
    }

    @Test func theAnswerOfTheServerIsParsed() throws {
        let memory = try #require(self.memory(1000, of: 2000, "allkeys-lru"))
        #expect(memory.used == 1000 && memory.maximum == 2000 && memory.policy == "allkeys-lru")
        #expect(RedisMemory(info: "# Memory\r\nused_memory:1\r\n") == nil)
    }

    @Test func aWarningBeginsAtFourFifthsOfTheLimit() throws {
        #expect(try #require(memory(799, of: 1000)).warning == nil)
        #expect(try #require(memory(800, of: 1000)).warning?.contains("80 %") == true)
        #expect(try #require(memory(800, of: 1000)).warning?.contains("refuses writes") == true)
        #expect(try #require(memory(900, of: 1000, "allkeys-lru")).warning?.contains("evicts") == true)
        #expect(try #require(memory(1 << 40, of: 0)).warning == nil, "no limit")
    }
}
