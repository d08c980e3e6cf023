import Synchronization

/// Counts the submissions in progress, and refuses what could not be answered in time. See ``AdmissionWindow``.
///
/// A submission counts from the end of its body to its response: with the time before its route runs, and without that of
/// a slow client.
final class AdmissionControl: Sendable {
    private let inProgress = Atomic(0)
    private let limit: Atomic<Int>
    private let finished = Atomic(0)
    private let window: Mutex<AdmissionWindow>

    init(maximum: Int, target: Duration) {
        let first = AdmissionWindow(maximum: maximum, target: target, now: .now)
        limit = Atomic(first.limit)
        window = Mutex(first)
    }

    /// Whether a further submission is to be refused.
    var isFull: Bool { inProgress.load(ordering: .relaxed) >= limit.load(ordering: .relaxed) }

    /// Whether more submissions are in progress than allowed, because some could not be refused at their header.
    var isExceeded: Bool { inProgress.load(ordering: .relaxed) > limit.load(ordering: .relaxed) }

    /// Begins a submission.
    func enter() {
        inProgress.add(1, ordering: .relaxed)
    }

    /// Notes that a submission was refused. The limit is looked at then, too, because nothing may finish.
    func refuse() {
        adjust()
    }

    /// Ends a submission.
    func leave() {
        inProgress.subtract(1, ordering: .relaxed)
        // Reading the clock each time would cost more than the count.
        if finished.add(1, ordering: .relaxed).newValue.isMultiple(of: 64) { adjust() }
    }

    private func adjust() {
        let now = ContinuousClock.now
        _ = window.withLockIfAvailable { window in
            guard window.isOver(now: now) else { return }
            window.close(
                finished: finished.exchange(0, ordering: .relaxed), inProgress: inProgress.load(ordering: .relaxed),
                now: now)
            limit.store(window.limit, ordering: .relaxed)
        }
    }
}
