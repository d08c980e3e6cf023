package import RuntimeSupport

/// A subscription to a channel, on a connection of its own. It is not `Sendable`: one thread uses it at a time.
///
/// A quiet channel and a lost connection look the same, so a silent server is asked for a sign of life.
///
/// <https://redis.io/docs/latest/develop/interact/pubsub/>
package final class RedisSubscription {
    private let connection: RedisConnection
    private let pingInterval: Duration
    private let patience: Duration
    private var lastReply = ContinuousClock.now
    /// When the PING was sent that is not answered; nil if there is none.
    private var pinged: ContinuousClock.Instant?

    /// Connects and subscribes.
    ///
    /// - Parameters:
    ///   - timeout: the limit for connecting, and for each read and write.
    ///   - pingInterval: the silence after which the server is asked for a sign of life.
    ///   - patience: the longest wait for that sign before the connection counts as lost.
    /// - Throws: ``RedisError``.
    package init(
        to channel: String, on address: RedisAddress, timeout: Duration = .seconds(2),
        pingInterval: Duration = .seconds(2), patience: Duration = .seconds(2)
    ) throws(RedisError) {
        connection = try RedisConnection(address, timeout: timeout)
        self.pingInterval = pingInterval
        self.patience = patience
        _ = try connection.send(["SUBSCRIBE", channel])
    }

    /// Waits for messages. It can return early without any: call it again.
    ///
    /// - Returns: the messages that have arrived.
    /// - Throws: ``RedisError`` if the connection is lost.
    package func messages(orSignal signal: WakeSignal, atMost time: Duration) throws(RedisError) -> [String] {
        let now = ContinuousClock.now
        if pinged == nil, now - lastReply >= pingInterval {
            try connection.sendAhead(["PING"])
            pinged = now
        }
        let due = pinged.map { $0 + patience } ?? lastReply + pingInterval
        let replies = try connection.messages(orSignal: signal, atMost: max(.zero, min(time, due - now)))
        if !replies.isEmpty {
            lastReply = .now
            pinged = nil
        } else if let pinged, .now - pinged >= patience {
            throw RedisError("waiting for messages: no response within \(patience)")
        }
        return replies.compactMap { reply in
            guard let parts = reply.array, parts.count == 3, parts[0].string == "message" else { return nil }
            return parts[2].string
        }
    }
}
