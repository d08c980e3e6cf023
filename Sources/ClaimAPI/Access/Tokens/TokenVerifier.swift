import Claims
import RuntimeSupport

/// Finds out which user a JWT belongs to.
struct TokenVerifier: Sendable {
    private let keys: KeySetStore
    private let expectation: WebToken.Expectation
    private let cache: TokenCache

    init(keys: KeySetStore, expectation: WebToken.Expectation, cache: TokenCache) {
        self.keys = keys
        self.expectation = expectation
        self.cache = cache
    }

    /// Whether there are keys to verify tokens with.
    var isLoaded: Bool { keys.current != nil }

    /// Returns the user of a token that was verified before; nil if it must be verified.
    func cached(_ token: Substring, now: Timestamp) -> UserID? {
        cache.user(TokenCache.Digest(token), now: now.milliseconds / 1000)
    }

    /// Verifies a token.
    ///
    /// An unknown key makes the set of keys be loaded again, at most once in some seconds.
    /// - Throws: the ``TokenFailure``, for the metrics only.
    func user(_ text: String, now: Timestamp) async throws(TokenFailure) -> UserID {
        let token = try WebToken(text)
        guard let id = token.keyID else { throw .unknownSigner }
        var epoch = cache.epoch
        var key = keys.current?.keys[id]
        if key == nil {
            await keys.reload()
            epoch = cache.epoch
            key = keys.current?.keys[id]
        }
        guard let key else { throw .unknownSigner }
        let (user, end) = try token.verified(by: key, expectation, now: now.milliseconds / 1000)
        cache.insert(TokenCache.Digest(text), user, until: end, epoch: epoch)
        return user
    }
}
