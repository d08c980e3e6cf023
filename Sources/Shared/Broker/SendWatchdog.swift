internal import Foundation
internal import Synchronization

/// Ends a socket's connection from another thread if sending on it takes too long.
///
/// A broker that no longer reads fills the socket's buffers. The next send blocks then, and the kernel alone gives up only
/// after some 15 minutes.
final class SendWatchdog: Sendable {
    private struct Send {
        var socket: Int32
        var begin: ContinuousClock.Instant
    }

    private let current = Mutex<Send?>(nil)
    private let limit: Duration

    /// - Parameter limit: the longest time that a send may take.
    init(limit: Duration) {
        self.limit = limit
    }

    /// Runs `body`, which sends on the socket. It gets an error from the socket once ``check(now:)`` has shut it down.
    func watch<Value>(_ socket: Int32, _ body: () throws(BrokerError) -> Value) throws(BrokerError) -> Value {
        current.withLock { $0 = Send(socket: socket, begin: .now) }
        defer { current.withLock { $0 = nil } }
        return try body()
    }

    /// Shuts the socket down if the present send has taken too long.
    ///
    /// - Returns: whether the socket was shut down.
    @discardableResult
    func check(now: ContinuousClock.Instant = .now) -> Bool {
        // Under the lock, since the owner may close the socket once `watch` has returned.
        current.withLock { send in
            guard let overdue = send, now - overdue.begin >= limit else { return false }
            send = nil
            return shutdown(overdue.socket, Int32(SHUT_RDWR)) == 0
        }
    }
}
