import Claims
import Foundation
import Redis
import Testing

extension IntegrationTests {
    /// A Redis server without room.
    @Suite(.system(), .checked)
    struct FullRedis {
        let system = System.current
        var api: API { system.api }

        @Test func aRedisThatRefusesWritesIsAnOutage() async throws {
            let coupon = try await api.coupon("FULL_REDIS", amount: 100)
            let first = try await api.submit("first", coupon)
            _ = try await api.claim(first.id, wait: 10)
            let limit = try #require(try Cache.send("CONFIG", "GET", "maxmemory").array?.last?.string)
            let policy = try #require(try Cache.send("CONFIG", "GET", "maxmemory-policy").array?.last?.string)
            func restore() throws {
                try Cache.send("CONFIG", "SET", "maxmemory", limit)
                try Cache.send("CONFIG", "SET", "maxmemory-policy", policy)
            }
            let log = "\(Setup.runFolder)/logs/test-api"
            func lines() throws -> Int { try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").count }
            try Cache.send("CONFIG", "SET", "maxmemory-policy", "noeviction")
            try Cache.send("CONFIG", "SET", "maxmemory", "1")
            do {
                #expect(try Cache.refuses(), "Redis is full")
                let before = try lines()
                let ids = try await (0..<50).asyncMap { try await api.submit("u\($0)", coupon, key: "full-\($0)").id }
                // The monitor may report the full server once.
                #expect(try lines() - before <= 1, "a request must not write to the log")
                #expect(try await api.claim(ids[0]).status == "pending", "the worker waits for Redis")
                #expect(try await api.claim(first.id).status == "claimed")
                try restore()
                let claims = try await concurrently(ids) { try await api.claim($0, wait: 30) }
                #expect(claims.tally == ["claimed": 50])
                #expect(claims.allSatisfy { $0.attempts == 1 })
            } catch {
                try restore()
                throw error
            }
        }

        @Test func theUseOfMemoryIsReported() async throws {
            let status = try await claimctl("status", "--json")
            try #require(status.code == 0, "\(status)")
            struct Report: Decodable {
                struct Redis: Decodable {
                    let usedBytes, limitBytes, evictedKeys: Int
                    let policy: String
                }
                let redis: Redis
            }
            let report = try decode(Report.self, from: Data(status.output.utf8)).redis
            #expect(report.usedBytes > 0 && report.limitBytes == 2 << 30)
            #expect(report.policy == "volatile-lru", "locks and heartbeats stay")
            try await eventually("the gauges") {
                try await api.get("/metrics").text.contains("\nclaims_redis_memory_limit_bytes 2147483648")
            }
        }
    }
}

extension Cache {
    /// Whether Redis refuses to store anything.
    fileprivate static func refuses() throws -> Bool {
        let replies = try RedisConnection(try Setup.stores().redis, timeout: .seconds(5)).pipeline([["SET", "x", "y"]])
        guard case .error(let message) = replies[0] else { return false }
        return message.hasPrefix("OOM")
    }
}
