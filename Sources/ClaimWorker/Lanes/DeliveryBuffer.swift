import DequeModule

/// The claims that a lane was handed and has not begun, in the order in which they were accepted.
///
/// Pure. A quorum queue hands out what a lost worker gave back before anything else, but in no order; so returned
/// messages are gathered until the first new one comes, or none comes for a moment, and then sorted.
struct DeliveryBuffer {
    private var waiting = Deque<Job>()
    private var returned: [Job] = []
    private var lastReturned: ContinuousClock.Instant?

    /// How long to wait for more returned messages. The broker sends them in one go.
    static let gatheringTime = Duration.milliseconds(50)

    /// Takes in a delivery.
    mutating func receive(_ job: Job, now: ContinuousClock.Instant) {
        if job.returns > 0 {
            returned.append(job)
            lastReturned = now
        } else {
            sortReturned()
            waiting.append(job)
        }
    }

    /// Ends the gathering when its time is up.
    mutating func sortReturned(now: ContinuousClock.Instant) {
        if let lastReturned, now - lastReturned >= Self.gatheringTime { sortReturned() }
    }

    /// When ``sortReturned(now:)`` has something to do; nil if nothing is being gathered.
    var gatheringEnd: ContinuousClock.Instant? {
        lastReturned.map { $0 + Self.gatheringTime }
    }

    /// Hands out the next jobs; none while returned ones are being gathered, since they stand before all others.
    mutating func take(atMost limit: Int) -> [Job] {
        guard returned.isEmpty else { return [] }
        let taken = Array(waiting.prefix(limit))
        waiting.removeFirst(taken.count)
        return taken
    }

    /// Takes jobs back that could not be worked on, to hand them out first.
    mutating func putBack(_ jobs: [Job]) {
        waiting.prepend(contentsOf: jobs)
    }

    /// Whether a job that has come back often is among the next ones.
    func isSuspicious(within limit: Int) -> Bool {
        waiting.prefix(limit).contains { $0.returns >= PoisonMessageDetector.suspiciousReturns }
    }

    private mutating func sortReturned() {
        guard !returned.isEmpty else { return }
        returned.sort { ($0.headers.sequence ?? 0, $0.tag) < ($1.headers.sequence ?? 0, $1.tag) }
        waiting.append(contentsOf: returned)
        returned.removeAll()
        lastReturned = nil
    }
}
