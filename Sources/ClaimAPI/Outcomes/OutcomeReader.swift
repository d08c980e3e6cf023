import Shared

/// What became of a claim: from Redis, else from PostgreSQL, else from the id's own proof that it was issued.
struct OutcomeReader: Sendable {
    let redis: RedisClient
    let finder: ClaimFinder
    let changes: ClaimChanges

    /// A wake-up may be lost, so those who wait look again now and then.
    private static let secondLook = Duration.seconds(5)

    init(redis: RedisClient, postgres: PostgresClient, changes: ClaimChanges) {
        self.redis = redis
        finder = ClaimFinder(postgres)
        self.changes = changes
    }

    /// The claim as it stands.
    ///
    /// - Parameter id: one that was issued here.
    /// - Throws: ``Problem`` `store_unavailable` if nobody that can be reached knows it.
    func claim(_ id: ClaimID) async throws(Problem) -> Claim {
        let remembered = await remembered(id)
        if let state = remembered?.state, state.status.isSettled { return state }
        // Redis may have missed the outcome, so "pending" is true only if the database knows nothing else.
        do throws(PostgresError) {
            return try await finder.find(id) ?? remembered?.claim ?? Claim(id: id)
        } catch {
            guard let claim = remembered?.claim else { throw .storeUnavailable }
            return claim
        }
    }

    /// The claim as it stands, for somebody who acts on it: what Redis has is taken only where it is settled.
    ///
    /// - Throws: ``Problem`` `store_unavailable` if the database would have to say and can't be reached.
    func certainClaim(_ id: ClaimID) async throws(Problem) -> Claim {
        let remembered = await remembered(id)
        if let state = remembered?.state, state.status.isSettled { return state }
        do throws(PostgresError) {
            return try await finder.find(id) ?? remembered?.claim ?? Claim(id: id)
        } catch {
            throw .storeUnavailable
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

    private func remembered(_ id: ClaimID) async -> ClaimCache.Entry? {
        guard let replies = try? await redis.pipeline([ClaimCache.lookUp(id)]) else { return nil }
        return ClaimCache.entry(replies[0], of: id)
    }
}
