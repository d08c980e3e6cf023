internal import Synchronization

/// Asks a thread that blocks to stop, and wakes it.
package final class StopSignal: Sendable {
    private let requested = Atomic(false)
    /// Wakes the thread: for the stop, or for anything else that its owner has to tell it.
    package let wake = WakeSignal()

    package init() {}

    /// Asks the thread to stop. Asking again changes nothing.
    package func request() {
        requested.store(true, ordering: .releasing)
        wake.raise()
    }

    /// Whether the thread is to stop.
    package var isRequested: Bool { requested.load(ordering: .acquiring) }

    /// Waits until the stop is requested, ``wake`` is raised or the time is up.
    package func wait(atMost time: Duration) {
        if !isRequested { wake.wait(atMost: time) }
    }

    /// Runs `work` again and again, with a backoff after each error, until the stop is requested.
    ///
    /// - Parameters:
    ///   - initialBackoff: the waits between the tries.
    ///   - work: connects and serves until the connection is lost. It calls its argument once it is connected, so that
    ///     the next failure starts with a short backoff.
    ///   - onFailure: is told the error and the time until the next try.
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
