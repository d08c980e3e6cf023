/// How full a Redis server is, and what it does when it is full.
package struct RedisMemory: Hashable, Sendable {
    /// Bytes in use.
    package var used: Int64
    /// The limit in bytes; 0 for none.
    package var limit: Int64
    /// The setting `maxmemory-policy`, such as `volatile-lru`.
    package var policy: String
    /// The number of keys that were evicted since the server started.
    package var evictedKeys: Int64

    package init(used: Int64, limit: Int64, policy: String, evictedKeys: Int64) {
        self.used = used
        self.limit = limit
        self.policy = policy
        self.evictedKeys = evictedKeys
    }

    /// Asks the server. Answer: nil if it refuses or leaves values out.
    ///
    /// <https://redis.io/docs/latest/commands/info/>
    package static let lookUp = RedisRequest<RedisMemory?>([["INFO", "memory"], ["INFO", "stats"]]) { replies in
        RedisMemory(info: replies.compactMap(\.string).joined(separator: "\r\n"))
    }

    init?(info: String) {
        // A line break is one character, whether it is LF or CRLF.
        let pairs = info.split(whereSeparator: \.isNewline).map { $0.split(separator: ":", maxSplits: 1) }
        let fields = Dictionary(pairs.filter { $0.count == 2 }.map { ($0[0], $0[1]) }) { $1 }
        guard let used = fields["used_memory"].flatMap({ Int64($0) }),
            let limit = fields["maxmemory"].flatMap({ Int64($0) }), let policy = fields["maxmemory_policy"],
            let evictedKeys = fields["evicted_keys"].flatMap({ Int64($0) })
        else { return nil }
        self.init(used: used, limit: limit, policy: String(policy), evictedKeys: evictedKeys)
    }

    /// The used part of the limit; 0 without a limit.
    package var fill: Double { limit > 0 ? Double(used) / Double(limit) : 0 }

    /// The part of the limit from which on an operator should act.
    package static let highFill = 0.8

    /// What an operator should know; nil if there is room.
    ///
    /// - Parameter earlier: an earlier look-up. Keys that were evicted before it are not reported.
    package func warning(since earlier: RedisMemory? = nil) -> String? {
        // A restarted server counts from 0 again.
        let before = earlier.map { $0.evictedKeys <= evictedKeys ? $0.evictedKeys : 0 } ?? 0
        if evictedKeys > before { return "Redis is full and has evicted keys before their time" }
        guard fill >= Self.highFill else { return nil }
        let percent = "\(Int(fill * 100)) % of Redis' memory is in use"
        return policy == "noeviction"
            ? "\(percent); when it is full, Redis refuses locks and stores nothing"
            : "\(percent); when it is full, Redis evicts keys before their time"
    }
}
