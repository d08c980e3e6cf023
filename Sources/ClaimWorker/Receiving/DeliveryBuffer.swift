import Claims
import DequeModule

/// The claims that a lane has received and not begun, in the order in which they were accepted.
///
/// Pure. A quorum queue redelivers the messages of a lost worker before all others, but in no particular order. So
/// returned messages are gathered until the first new one arrives, or none arrives for a moment, and then sorted.
struct DeliveryBuffer {
    private var waiting = Deque<Job>()
    private var returned: [Job] = []
    private var lastReturned: ContinuousClock.Instant?

    /// The longest wait for the next returned message. The broker sends them without a pause.
    static let gatheringTime = Duration.milliseconds(50)

    var isEmpty: Bool { waiting.isEmpty && returned.isEmpty }

    /// The next job; nil if there is none, or the returned ones are not sorted yet.
    var first: Job? { waiting.first }

    /// Adds a delivery.
    mutating func receive(_ job: Job, now: ContinuousClock.Instant) {
        if job.returns > 0 {
            returned.append(job)
            lastReturned = now
        } else {
            sortReturned()
            waiting.append(job)
        }
    }

    /// Ends the gathering if its time is over.
    mutating func sortReturned(now: ContinuousClock.Instant) {
        if let lastReturned, now - lastReturned >= Self.gatheringTime { sortReturned() }
    }

    /// The time at which the gathering ends; nil if nothing is being gathered.
    var gatheringEnd: ContinuousClock.Instant? {
        lastReturned.map { $0 + Self.gatheringTime }
    }

    /// Removes the next jobs. Returns none while returned ones are being gathered, since those precede all others.
    mutating func take(atMost limit: Int) -> [Job] {
        guard returned.isEmpty else { return [] }
        let taken = Array(waiting.prefix(limit))
        waiting.removeFirst(taken.count)
        return taken
    }

    /// Removes the next claim and the others of its message. Returns none while returned ones are being gathered.
    mutating func takeMessage() -> [Job] {
        let tag = waiting.first?.part.tag
        return take(atMost: waiting.prefix { $0.part.tag == tag }.count)
    }

    /// Puts jobs back in front of all others.
    mutating func putBack(_ jobs: [Job]) {
        waiting.prepend(contentsOf: jobs)
    }

    /// Whether a suspicious job is among the next ones.
    func isSuspicious(within limit: Int) -> Bool {
        waiting.prefix(limit).contains(where: \.isSuspicious)
    }

    private mutating func sortReturned() {
        guard !returned.isEmpty else { return }
        returned.sort { $0.order < $1.order }
        waiting.append(contentsOf: returned)
        returned.removeAll()
        lastReturned = nil
    }
}
