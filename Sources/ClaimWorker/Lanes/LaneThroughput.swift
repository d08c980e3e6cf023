import DequeModule
import RuntimeSupport

/// Measures how fast a lane decides claims, over its batches of the last seconds.
///
/// Pure. Idle time does not count: a lane that decides one claim per minute is not slow.
struct LaneThroughput {
    private struct Batch {
        let end: ContinuousClock.Instant
        let claims: Int
        let time: Duration
    }

    private var batches = Deque<Batch>()
    private var claims = 0
    private var time = Duration.zero

    /// Batches that ended longer ago than this do not count.
    static let window = Duration.seconds(10)

    /// Records a batch. An empty one does not count.
    mutating func decided(_ count: Int, from start: ContinuousClock.Instant, to end: ContinuousClock.Instant) {
        guard count > 0 else { return }
        batches.append(Batch(end: end, claims: count, time: end - start))
        claims += count
        time += end - start
        while let first = batches.first, end - first.end > Self.window {
            claims -= first.claims
            time -= first.time
            batches.removeFirst()
        }
    }

    /// Claims per second of work; 0 before the first batch.
    var perSecond: Double {
        time > .zero ? Double(claims) / time.inSeconds : 0
    }
}
