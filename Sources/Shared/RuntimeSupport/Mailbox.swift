internal import DequeModule
internal import Synchronization

/// A bounded queue in which many callers leave work for the threads that own a blocking connection.
///
/// A thread takes all that is waiting at once, so that one round trip serves many callers: batching without waiting.
package final class Mailbox<Item: Sendable>: Sendable {
    private struct State {
        var items = Deque<Item>()
        var isClosed = false
    }

    private let state = Mutex(State())
    private let capacity: Int
    private let wake = WakeSignal()

    /// - Parameter capacity: how many items may wait; more are refused.
    package init(capacity: Int) {
        self.capacity = capacity
    }

    /// Leaves an item.
    ///
    /// - Returns: false if the mailbox is full or closed; the item was not taken then.
    package func post(_ item: Item) -> Bool {
        let (taken, wasEmpty) = state.withLock { state -> (Bool, Bool) in
            guard !state.isClosed, state.items.count < capacity else { return (false, false) }
            state.items.append(item)
            return (true, state.items.count == 1)
        }
        if wasEmpty { wake.raise() }
        return taken
    }

    /// Takes what is waiting without waiting itself.
    ///
    /// - Parameter limit: the most that is taken.
    package func takeWaiting(atMost limit: Int) -> [Item] {
        let (taken, isMoreLeft) = state.withLock { state -> ([Item], Bool) in
            let taken = Array(state.items.prefix(limit))
            state.items.removeFirst(taken.count)
            return (taken, !state.items.isEmpty)
        }
        // Another thread may share the mailbox and have slept through the only signal.
        if isMoreLeft { wake.raise() }
        return taken
    }

    /// Waits until something is there, the mailbox is closed or the time is up, then takes what is waiting.
    package func take(atMost limit: Int, waiting time: Duration) -> [Item] {
        let ready = takeWaiting(atMost: limit)
        guard ready.isEmpty, !isClosed else { return ready }
        wake.wait(atMost: time)
        // A signal wakes one thread; the closing is meant for all of them.
        if isClosed { wake.raise() }
        return takeWaiting(atMost: limit)
    }

    /// Whether ``close()`` was called.
    package var isClosed: Bool {
        state.withLock { $0.isClosed }
    }

    /// Refuses everything from now on. What is waiting can still be taken.
    package func close() {
        state.withLock { $0.isClosed = true }
        wake.raise()
    }
}
