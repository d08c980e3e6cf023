package import Redis
internal import RuntimeSupport

/// The clock of Redis, which all processes of the system share.
package struct SharedClock: Hashable, Sendable {
    /// Microseconds by which it is ahead of this machine's clock; negative if it is behind.
    package var offset: Int64
    /// The largest possible error of the offset, in microseconds.
    package var error: Int64

    /// The readings of which the best is taken, unless an earlier one is good enough.
    private static let readings = 5
    private static let goodError: Int64 = 1000

    /// Reads the clock.
    ///
    /// The time of the answer is between the two readings of this machine's clock. The middle is at most half of the
    /// round trip away from it.
    /// - Throws: ``RedisError``.
    package static func read(from redis: RedisConnection) throws(RedisError) -> SharedClock {
        var best: SharedClock?
        for _ in 0..<readings {
            let before = WallClock.microseconds()
            let time = try redis.send(time)
            let clock = SharedClock(time: time, before: before, after: WallClock.microseconds())
            if clock.error <= goodError { return clock }
            if best.map({ clock.error < $0.error }) ?? true { best = clock }
        }
        guard let best else { preconditionFailure("there is at least one reading") }
        return best
    }

    /// - Parameters:
    ///   - time: the shared clock, in microseconds since 1970.
    ///   - before: this machine's clock when the question was sent.
    ///   - after: this machine's clock when the answer had arrived.
    package init(time: Int64, before: Int64, after: Int64) {
        offset = time - (before + (after - before) / 2)
        error = (after - before) / 2
    }

    private static let time = RedisRequest<Int64>(command: ["TIME"]) { reply throws(RedisError) in
        let parts = reply.array?.compactMap { $0.string.flatMap { Int64($0) } } ?? []
        guard parts.count == 2 else { throw RedisError("TIME: unexpected reply") }
        return parts[0] * 1_000_000 + parts[1]
    }
}
