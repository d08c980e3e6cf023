package import Redis

/// Announcements of changed claims, on the channel ``RedisKeys/changes``.
extension ClaimCache {
    /// Wakes the requests that wait for one of these claims, on every API process.
    package static func announce(_ ids: some Sequence<ClaimID>) -> RedisRequest<Void> {
        RedisRequest([["PUBLISH", RedisKeys.changes, ids.map(\.description).joined(separator: " ")]])
    }

    /// Returns the ids of the claims that a message of the channel announces.
    ///
    /// The ids are not checked, because a subscriber compares them with those that it waits for.
    package static func announcedIDs(in message: String) -> [Substring] { message.split(separator: " ") }
}
