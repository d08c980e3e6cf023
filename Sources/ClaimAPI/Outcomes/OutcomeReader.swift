import Claims
import Postgres
import Redis
import RuntimeSupport

/// Reads the state of claims: from Redis, else from PostgreSQL, else an issued id without a stored outcome is pending.
struct OutcomeReader: Sendable {
    let redis: RedisClient
    let loader: ClaimLoader
    let changes: ClaimChanges
    let lanes: Int
    private let issuer: ClaimIDIssuer
    private let retention: RetentionSettings

    init(
        redis: RedisClient, postgres: PostgresClient, changes: ClaimChanges, lanes: Int, issuer: ClaimIDIssuer,
        retention: RetentionSettings
    ) {
        self.redis = redis
        loader = ClaimLoader(postgres)
        self.changes = changes
        self.lanes = lanes
        self.issuer = issuer
        self.retention = retention
    }

    /// Returns the current state of a claim.
    ///
    /// - Parameter id: an id that this API issued.
    /// - Throws: ``Problem`` `store_unavailable` if the database can't be reached and Redis does not know the claim, `gone`
    ///   if the claim was deleted after the retention period.
    func claim(_ id: ClaimID) async throws(Problem) -> Claim {
        let entry = await cached(id)
        let stored: Claim?
        do throws(PostgresError) {
            stored = try await self.stored(id, cached: entry)
        } catch {
            stored = nil
            if entry?.claim == nil { throw .storeUnavailable }
        }
        if let claim = stored ?? entry?.claim { return claim }
        return try pending(id)
    }

    /// Returns the current state of a claim for a decision that depends on it: from Redis only if it is final.
    ///
    /// - Throws: ``Problem`` `store_unavailable` if the database is needed and can't be reached, `gone` if the claim was
    ///   deleted after the retention period.
    func authoritativeClaim(_ id: ClaimID) async throws(Problem) -> Claim {
        let entry = await cached(id)
        let stored: Claim?
        do throws(PostgresError) {
            stored = try await self.stored(id, cached: entry)
        } catch {
            throw .storeUnavailable
        }
        if let claim = stored ?? entry?.claim { return claim }
        return try pending(id)
    }

    /// Returns the current states of several claims with their positions, in a few round trips.
    ///
    /// Claims that no reachable store knows are left out.
    func claims(_ ids: [ClaimID]) async -> [ClaimID: Claim] {
        var claims = await cached(ids).compactMapValues(\.claim)
        let open = ids.filter { claims[$0]?.status.isFinal != true }
        if !open.isEmpty, let stored = try? await loader.find(open) {
            for id in open { claims[id] = stored[id] ?? claims[id] ?? Claim(id: id) }
        }
        return await addingPositions(to: claims)
    }

    /// Returns a claim as soon as it is no longer pending, or its current state when the time is up.
    func claim(_ id: ClaimID, waitingAtMost time: Duration) async throws(Problem) -> Claim {
        guard time > .zero else { return try await claim(id) }
        let deadline = ContinuousClock.now + time
        // The watch begins before the first look-up, so that no change is missed in between.
        let watch = changes.watch(id)
        defer { watch.end() }
        var claim = try await claim(id)
        while true {
            let left = deadline - .now
            if claim.status.isFinal || left <= .zero || watch.isClosed { return claim }
            switch await watch.next(atMost: left) {
            case .changed: claim = try await self.claim(id)
            case .loaded(let loaded): claim = loaded
            case .unchanged: break
            }
        }
    }

    /// Returns the outcome of a claim; nil if it has none, or has none any more.
    private func stored(_ id: ClaimID, cached entry: ClaimCache.Entry?) async throws(PostgresError) -> Claim? {
        if let claim = entry?.claim, claim.status.isFinal { return claim }
        // Redis may have missed the outcome, so a claim is pending only if the database has none.
        return try await loader.find(id)
    }

    /// Returns a claim that no store knows: its message is in the broker, unless it was deleted.
    private func pending(_ id: ClaimID) throws(Problem) -> Claim {
        if retention.isGone(issuedOn: issuer.day(of: id), at: .now()) { throw .gone }
        return Claim(id: id)
    }

    // MARK: Redis

    /// Returns what Redis remembers of a claim; nil also when Redis can't be reached.
    func cached(_ id: ClaimID) async -> ClaimCache.Entry? {
        await cached([id])[id]
    }

    private func cached(_ ids: [ClaimID]) async -> [ClaimID: ClaimCache.Entry] {
        guard let entries = try? await redis.send(RedisRequest.all(ids.map(ClaimCache.lookUp))) else { return [:] }
        let known = zip(ids, entries).compactMap { id, entry in entry.map { (id, $0) } }
        return Dictionary(known) { first, _ in first }
    }

    /// Returns a claim with its position in the lane, if it is pending and its position is known.
    func addingPosition(to claim: Claim) async -> Claim {
        await addingPositions(to: [claim.id: claim])[claim.id] ?? claim
    }

    private func addingPositions(to claims: [ClaimID: Claim]) async -> [ClaimID: Claim] {
        let waiting = claims.values.compactMap { claim in
            claim.status.isFinal ? nil : claim.couponName.map { (id: claim.id, lane: $0.lane(of: lanes)) }
        }
        guard !waiting.isEmpty else { return claims }
        let now = Timestamp.now()
        let requests = waiting.map { LaneQueue.place(of: $0.id, lane: $0.lane, now: now) }
        guard let places = try? await redis.send(RedisRequest.all(requests)) else { return claims }
        var claims = claims
        for (claim, place) in zip(waiting, places) {
            claims[claim.id]?.position = place.position
            claims[claim.id]?.estimatedSeconds = place.estimatedSeconds
        }
        return claims
    }
}
