import Claims
import Postgres
import Redis
import RuntimeSupport

/// What became of a claim: from Redis, else from PostgreSQL, else from the id's own proof that it was issued.
struct OutcomeReader: Sendable {
    let redis: RedisClient
    let loader: ClaimLoader
    let changes: ClaimChanges
    let lanes: Int

    init(redis: RedisClient, postgres: PostgresClient, changes: ClaimChanges, lanes: Int) {
        self.redis = redis
        loader = ClaimLoader(postgres)
        self.changes = changes
        self.lanes = lanes
    }

    /// The claim as it stands.
    ///
    /// - Parameter id: one that was issued here.
    /// - Throws: ``Problem`` `store_unavailable` if nobody that can be reached knows it.
    func claim(_ id: ClaimID) async throws(Problem) -> Claim {
        let remembered = await remembered([id])[id]
        if let state = remembered?.state, state.status.isFinal { return state }
        // Redis may have missed the outcome, so "pending" is true only if the database knows nothing else.
        do throws(PostgresError) {
            return try await loader.find(id) ?? remembered?.claim ?? Claim(id: id)
        } catch {
            guard let claim = remembered?.claim else { throw .storeUnavailable }
            return claim
        }
    }

    /// The claim as it stands, for somebody who acts on it: what Redis has is taken only where it is settled.
    ///
    /// - Throws: ``Problem`` `store_unavailable` if the database would have to say and can't be reached.
    func certainClaim(_ id: ClaimID) async throws(Problem) -> Claim {
        let remembered = await remembered([id])[id]
        if let state = remembered?.state, state.status.isFinal { return state }
        do throws(PostgresError) {
            return try await loader.find(id) ?? remembered?.claim ?? Claim(id: id)
        } catch {
            throw .storeUnavailable
        }
    }

    /// Several claims as they stand, with their places, by few questions. What nobody that can be reached knows is left out.
    func claims(_ ids: [ClaimID]) async -> [ClaimID: Claim] {
        let remembered = await remembered(ids)
        var claims = remembered.compactMapValues(\.claim)
        let open = ids.filter { claims[$0]?.status.isFinal != true }
        if !open.isEmpty, let stored = try? await loader.find(open) {
            for id in open { claims[id] = stored[id] ?? claims[id] ?? Claim(id: id) }
        }
        return await placed(claims)
    }

    /// The claim as soon as it is no longer pending, or as it stands when the time is up.
    func claim(_ id: ClaimID, waitingAtMost time: Duration) async throws(Problem) -> Claim {
        guard time > .zero else { return try await claim(id) }
        let deadline = ContinuousClock.now + time
        // Listening starts before the first look, so that no change falls between the two.
        let watch = changes.watch(id)
        defer { watch.end() }
        var claim = try await claim(id)
        while true {
            let left = deadline - .now
            if claim.status.isFinal || left <= .zero || watch.isOver { return claim }
            switch await watch.next(atMost: left) {
            case .changed: claim = try await self.claim(id)
            case .found(let found): claim = found
            case .nothing: break
            }
        }
    }

    // MARK: Places

    /// The claim with its place in the lane, if it is pending and that is known.
    func placed(_ claim: Claim) async -> Claim {
        await placed([claim.id: claim])[claim.id] ?? claim
    }

    private func placed(_ claims: [ClaimID: Claim]) async -> [ClaimID: Claim] {
        let waiting = claims.values.filter { !$0.status.isFinal && $0.couponName != nil }
        guard !waiting.isEmpty else { return claims }
        let questions = waiting.map { claim in
            LaneQueue.ask(claim.id, lane: claim.couponName?.lane(of: lanes) ?? 0)
        }
        guard var replies = (try? await redis.pipeline(questions.flatMap(\.self)))?[...] else { return claims }
        var placed = claims
        let now = Timestamp.now()
        for (claim, question) in zip(waiting, questions) {
            let place = LaneQueue.place(Array(replies.prefix(question.count)), now: now)
            replies = replies.dropFirst(question.count)
            placed[claim.id]?.position = place.position
            placed[claim.id]?.estimatedSeconds = place.estimatedSeconds
        }
        return placed
    }

    private func remembered(_ ids: [ClaimID]) async -> [ClaimID: ClaimCache.Entry] {
        guard let replies = try? await redis.pipeline(ids.map(ClaimCache.lookUp)) else { return [:] }
        var entries: [ClaimID: ClaimCache.Entry] = [:]
        for (id, reply) in zip(ids, replies) { entries[id] = ClaimCache.entry(reply, of: id) }
        return entries
    }
}
