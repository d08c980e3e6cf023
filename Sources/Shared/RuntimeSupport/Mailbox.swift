internal import DequeModule
internal import Synchronization

/// A bounded queue between many callers and the threads that own blocking connections.
///
/// A thread takes all waiting items at once, so that one round trip serves many callers: batching without added latency.
package final class Mailbox<Item: Sendable>: Sendable {
    private struct State {
        var items = Deque<Item>()
        var isClosed = false
    }

    private let state = Mutex(State())
    private let capacity: Int
    private let wake = WakeSignal()

    /// - Parameter capacity: the maximum number of waiting items; ``post(_:)`` refuses more.
    package init(capacity: Int) {
        self.capacity = capacity
    }

    /// Appends an item.
    ///
    /// - Returns: false if the mailbox is full or closed; the item is not in the mailbox then.
    package func post(_ item: Item) -> Bool {
        let (accepted, wasEmpty) = state.withLock { state -> (Bool, Bool) in
            guard !state.isClosed, state.items.count < capacity else { return (false, false) }
            state.items.append(item)
            return (true, state.items.count == 1)
        }
        if wasEmpty { wake.raise() }
        return accepted
    }

    /// Takes waiting items without blocking, oldest first.
    ///
    /// - Parameter limit: the maximum number of items to take.
    package func takeWaiting(atMost limit: Int) -> [Item] {
        let (taken, isMoreLeft) = state.withLock { state -> ([Item], Bool) in
            let taken = Array(state.items.prefix(limit))
            state.items.removeFirst(taken.count)
            return (taken, !state.items.isEmpty)
        }
        // Another thread may wait on the same mailbox, and this thread consumed the only signal.
        if isMoreLeft { wake.raise() }
        return taken
    }

    /// Removes the waiting items that satisfy a condition, oldest first.
    package func remove(where isRemoved: (Item) -> Bool) -> [Item] {
        state.withLock { state in
            let removed = state.items.filter(isRemoved)
            if !removed.isEmpty { state.items.removeAll(where: isRemoved) }
            return Array(removed)
        }
    }

    /// Waits until there is an item, the mailbox is closed or the time is up, then takes the waiting items.
    ///
    /// - Parameters:
    ///   - limit: the maximum number of items to take.
    ///   - time: the longest wait.
    package func take(atMost limit: Int, waiting time: Duration) -> [Item] {
        var ready = takeWaiting(atMost: limit)
        guard ready.isEmpty else { return ready }
        let deadline = ContinuousClock.now + time
        while ready.isEmpty, !isClosed {
            let left = deadline - .now
            guard left > .zero else { break }
            wake.wait(atMost: left)
            // A signal can wake several threads, and another one may have taken the item. Closing must wake all of them.
            if isClosed { wake.raise() }
            ready = takeWaiting(atMost: limit)
        }
        return ready
    }

    /// Whether ``close()`` has been called.
    package var isClosed: Bool {
        state.withLock { $0.isClosed }
    }

    /// Closes the mailbox: new items are refused, waiting items can still be taken.
    package func close() {
        state.withLock { $0.isClosed = true }
        wake.raise()
    }
}
