/// The memory of a Redis server.
package struct RedisMemory: Hashable, Sendable {
    /// Bytes in use.
    package let used: Int
    /// The limit in bytes; 0 for none.
    package let maximum: Int
    /// What Redis does when the limit is reached, for example `noeviction`.
    package let policy: String

    /// Looks up the memory; nil if the server does not tell.
    package static let request = RedisRequest<RedisMemory?>(command: ["INFO", "memory"]) {
        $0.string.flatMap(RedisMemory.init(info:))
    }

    /// Parses the answer to `INFO memory`.
    ///
    /// <https://redis.io/docs/latest/commands/info/>
    package init?(info: String) {
        var fields: [String: String] = [:]
        for line in info.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { fields[String(parts[0])] = String(parts[1]) }
        }
        guard let used = fields["used_memory"].flatMap({ Int($0) }),
            let maximum = fields["maxmemory"].flatMap({ Int($0) }), let policy = fields["maxmemory_policy"]
        else { return nil }
        self.used = used
        self.maximum = maximum
        self.policy = policy
    }

    /// Why the memory needs attention, in one sentence; nil if it does not.
    package var warning: String? {
        guard maximum > 0, used >= maximum / 5 * 4 else { return nil }
        let effect =
            policy == "noeviction"
            ? "At the limit it refuses writes: no positions and no memory of repeated requests"
            : "At the limit it evicts keys (\(policy)), locks and heartbeats among them"
        return "Redis uses \(used * 100 / maximum) % of its maxmemory. \(effect). Raise maxmemory"
    }
}
