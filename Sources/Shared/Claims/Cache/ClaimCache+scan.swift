package import Redis

/// Reading and repairing what Redis remembers of claims, for the audit.
extension ClaimCache {
    /// A part of all claims that Redis remembers.
    package struct Page: Hashable, Sendable {
        /// Where the next page begins; ``start`` after the last one.
        package let next: String
        /// The digests of the ids. Several pages may have the same one.
        package let digests: [String]
    }

    /// Where the first page begins.
    package static let start = "0"

    /// Looks up the next page. It may be empty, although more pages follow.
    ///
    /// Claims that Redis remembers from before the first page until after the last one are on at least one of them.
    /// <https://redis.io/docs/latest/commands/scan/#scan-guarantees>
    /// - Parameter count: the keys to look at.
    package static func page(from position: String, count: Int) -> RedisRequest<Page> {
        RedisRequest(
            command: ["SCAN", position, "MATCH", "\(RedisKeys.claimPrefix)*", "COUNT", String(count)]
        ) { reply throws(RedisError) in
            guard let parts = reply.array, parts.count == 2, let next = parts[0].string, let keys = parts[1].array
            else { throw RedisError("SCAN: unexpected reply") }
            let digests = keys.compactMap { $0.string?.dropFirst(RedisKeys.claimPrefix.count) }
            return Page(next: next, digests: digests.filter { $0.count == ClaimID.digestLength }.map(String.init))
        }
    }

    /// Looks up the number of all keys, which is at least that of the claims.
    package static let keyCount = RedisRequest<Int>(command: ["DBSIZE"]) { Int($0.integer ?? 0) }

    /// Replaces what is remembered of a claim by its accepted request, because its outcome is lost; not if a later state is
    /// stored.
    ///
    /// - Parameters:
    ///   - isEdited: whether an operator has replaced the request.
    ///   - version: that of the lost outcome, see ``Entry/version``.
    package static func acceptAgain(
        _ message: ClaimMessage, isEdited: Bool, insteadOf version: String
    ) -> RedisRequest<Void> {
        let text = ClaimRecord.noted(message, as: isEdited ? .edited : .accepted)
        let arguments = [String(lifetime), text, version]
        return RedisRequest([["EVAL", acceptAgainScript, "1", RedisKeys.claim(message.id)] + arguments])
    }

    /// KEYS: the claim. ARGV: the lifetime, the new text, and the version of the lost outcome.
    private static let acceptAgainScript = """
        local old = redis.call('GET', KEYS[1])
        if old and string.sub(old, 6, 13) > ARGV[3] then return 0 end
        redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[1])
        return 1
        """
}
