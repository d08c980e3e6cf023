internal import Synchronization

/// Requests a blocking thread to stop, and wakes it.
package final class StopSignal: Sendable {
    private let requested = Atomic(false)
    /// Wakes the thread, for the stop or for any other news from its owner.
    package let wake = WakeSignal()

    package init() {}

    /// Requests the stop. Further calls have no effect.
    package func request() {
        requested.store(true, ordering: .releasing)
        wake.raise()
    }

    /// Whether the stop has been requested.
    package var isRequested: Bool { requested.load(ordering: .acquiring) }

    /// Waits until the stop is requested, ``wake`` is raised or the time is up.
    ///
    /// A requested stop wakes all threads that wait, any other signal only one of them.
    package func wait(atMost time: Duration) {
        guard !isRequested else { return }
        wake.wait(atMost: time)
        if isRequested { wake.raise() }
    }

    /// Runs `work` repeatedly until the stop is requested, with a backoff after each error.
    ///
    /// - Parameters:
    ///   - initialBackoff: the waits between two attempts.
    ///   - work: connects, then serves until the connection is lost. It calls its argument once it is connected, which
    ///     resets the backoff.
    ///   - onFailure: receives the error and the time until the next attempt.
    package func retrying(
        backoff initialBackoff: Backoff = Backoff(), _ work: (_ connected: () -> Void) throws -> Void,
        onFailure: (any Error, Duration) -> Void
    ) {
        var backoff = initialBackoff
        while !isRequested {
            do {
                try work { backoff.reset() }
            } catch {
                let pause = backoff.next()
                onFailure(error, pause)
                wait(atMost: pause)
            }
        }
    }
}
