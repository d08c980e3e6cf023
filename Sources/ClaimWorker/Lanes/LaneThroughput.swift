import DequeModule
import RuntimeSupport

/// How fast a lane decides, from its work of the last seconds.
///
/// Pure. Time in which nothing waited does not count: a lane that had one claim a minute is not a slow one.
struct LaneThroughput {
    private struct Turn {
        let end: ContinuousClock.Instant
        let claims: Int
        let time: Duration
    }

    private var turns = Deque<Turn>()
    private var claims = 0
    private var time = Duration.zero

    /// Work that is longer ago says nothing.
    static let window = Duration.seconds(10)

    /// Notes a turn.
    mutating func decided(_ count: Int, from start: ContinuousClock.Instant, to end: ContinuousClock.Instant) {
        turns.append(Turn(end: end, claims: count, time: end - start))
        claims += count
        time += end - start
        while let first = turns.first, end - first.end > Self.window {
            claims -= first.claims
            time -= first.time
            turns.removeFirst()
        }
    }

    /// Claims a second of work; 0 before the first turn.
    var perSecond: Double {
        time > .zero ? Double(claims) / time.inSeconds : 0
    }
}
