import Shared

/// What became of a claim: from Redis, else from PostgreSQL, else from the id's own proof that it was issued.
struct OutcomeReader: Sendable {
    let redis: RedisClient
    let postgres: PostgresClient
    let changes: ClaimChanges

    /// A wake-up may be lost, so those who wait look again now and then.
    private static let secondLook = Duration.seconds(5)

    init(redis: RedisClient, postgres: PostgresClient, changes: ClaimChanges) {
        self.redis = redis
        self.postgres = postgres
        self.changes = changes
    }

    /// The claim as it stands.
    ///
    /// - Parameter id: one that was issued here.
    /// - Throws: ``Problem`` `store_unavailable` if nobody that can be reached knows it.
    func claim(_ id: ClaimID) async throws(Problem) -> Claim {
        var remembered: ClaimCache.Entry?
        if let replies = try? await redis.pipeline([ClaimCache.lookUp(id)]) {
            remembered = ClaimCache.entry(replies[0], of: id)
        }
        if let state = remembered?.state, state.status.isSettled { return state }
        // Redis may have missed the outcome, so "pending" is true only if the database knows nothing else.
        do throws(PostgresError) {
            let stored = try await postgres.run { connection throws(PostgresError) in
                try ClaimStore(connection).find(id)
            }
            return stored ?? remembered?.claim ?? Claim(id: id)
        } catch {
            guard let claim = remembered?.claim else { throw .storeUnavailable }
            return claim
        }
    }

    /// The claim as soon as it is no longer pending, or as it stands when the time is up.
    func claim(_ id: ClaimID, settledWithin time: Duration) async throws(Problem) -> Claim {
        guard time > .zero else { return try await claim(id) }
        let deadline = ContinuousClock.now + time
        // Listening starts before the first look, so that no change falls between the two.
        let watch = changes.watch(id)
        defer { watch.end() }
        while true {
            let claim = try await claim(id)
            let left = deadline - .now
            if claim.status.isSettled || left <= .zero || watch.isOver { return claim }
            await watch.next(atMost: min(left, Self.secondLook))
        }
    }
}
