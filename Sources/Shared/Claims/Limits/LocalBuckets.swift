internal import Synchronization

/// Token buckets of this process, for when Redis is away and for what need not be shared.
///
/// The number of buckets is bounded: of two generations, the older one is dropped when the younger one is full. A bucket
/// that is dropped is full again, so an attacker with very many addresses gets more tokens, never more memory.
package final class LocalBuckets: Sendable {
    private struct State {
        /// The times at which the buckets are full, in microseconds.
        var young: [RateBucket: Int64] = [:]
        var old: [RateBucket: Int64] = [:]
    }

    private let state = Mutex(State())
    private let capacity: Int

    /// - Parameter capacity: the most buckets of one generation.
    package init(capacity: Int = 50_000) {
        self.capacity = capacity
    }

    /// Takes one token of each bucket, or none if one of them is empty.
    ///
    /// - Parameter now: microseconds of any clock that does not run backwards much.
    package func take(_ buckets: [RateBucket], now: Int64) -> RateDecision {
        state.withLock { state in
            let debts = buckets.map { debt($0, state, now) }
            let decision = RateDecision(buckets.map(\.policy), debts: debts)
            guard decision.isAllowed else { return decision }
            for (bucket, debt) in zip(buckets, debts) {
                if state.young.count >= capacity {
                    state.old = state.young
                    state.young = [:]
                }
                state.young[bucket] = now + debt + bucket.policy.interval
            }
            return decision
        }
    }

    /// Returns the decision about a request without taking a token.
    package func look(_ buckets: [RateBucket], now: Int64) -> RateDecision {
        state.withLock { state in
            RateDecision(buckets.map(\.policy), debts: buckets.map { debt($0, state, now) })
        }
    }

    /// The number of buckets in memory.
    package var count: Int { state.withLock { $0.young.count + $0.old.count } }

    private func debt(_ bucket: RateBucket, _ state: State, _ now: Int64) -> Int64 {
        max(0, (state.young[bucket] ?? state.old[bucket] ?? 0) - now)
    }
}
