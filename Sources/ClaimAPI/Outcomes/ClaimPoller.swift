import Claims
import ServiceLifecycle

/// Looks again, every few seconds, at all claims that somebody waits for: a wake-up may be lost, and a place in a lane
/// changes without one.
///
/// Hundreds with one question to Redis and one to PostgreSQL, so that ten thousand that wait are hardly felt.
struct ClaimPoller: Service {
    let outcomes: OutcomeReader

    /// From one look at a claim to the next.
    static let interval = Duration.seconds(5)
    /// Claims that one statement asks for.
    private static let most = 500

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                while !Task.isCancelled {
                    let watched = outcomes.changes.watched
                    let pieces = stride(from: 0, to: watched.count, by: Self.most).map {
                        watched[$0..<min($0 + Self.most, watched.count)]
                    }
                    // Spread over the interval, so that they don't all speak at the same moment; and none waits for
                    // another's answer, since a store that is slow must not make a stream fall silent.
                    for piece in pieces {
                        group.addTask { await look(at: piece) }
                        try? await Task.sleep(for: Self.interval / pieces.count)
                    }
                    if pieces.isEmpty { try? await Task.sleep(for: Self.interval) }
                }
            }
        }
    }

    private func look(at watched: ArraySlice<(id: ClaimID, watches: [ClaimWatch])>) async {
        let changes = watched.map { $0.watches.map(\.changes) }
        let claims = await outcomes.claims(watched.map(\.id))
        for ((id, watches), changes) in zip(watched, changes) {
            for (watch, changes) in zip(watches, changes) { watch.send(claims[id], asOf: changes) }
        }
    }
}
