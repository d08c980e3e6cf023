import Algorithms
import Claims
import ServiceLifecycle

/// Looks up all watched claims every few seconds: a notification may be lost, and a claim's position in its lane changes
/// without one.
///
/// Hundreds of claims share one request to Redis and one statement, so that ten thousand open streams cost little.
struct ClaimPoller: Service {
    let outcomes: OutcomeReader

    /// The time between two look-ups of a claim.
    static let interval = Duration.seconds(5)
    /// The most claims in one look-up.
    private static let batchSize = 500

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                while !Task.isCancelled {
                    let watched = outcomes.changes.watched
                    let batches = watched.chunks(ofCount: Self.batchSize)
                    // The batches are spread over the interval to even out the load. None waits for the one before it:
                    // a slow store must not silence a stream.
                    for batch in batches {
                        group.addTask { await poll(batch) }
                        try? await Task.sleep(for: Self.interval / batches.count)
                    }
                    if batches.isEmpty { try? await Task.sleep(for: Self.interval) }
                }
            }
        }
    }

    private func poll(_ watched: ArraySlice<(id: ClaimID, watches: [ClaimWatch])>) async {
        let changes = watched.map { $0.watches.map(\.changes) }
        let claims = await outcomes.claims(watched.map(\.id))
        for ((id, watches), changes) in zip(watched, changes) {
            for (watch, changes) in zip(watches, changes) { watch.deliver(claims[id], asOf: changes) }
        }
    }
}
