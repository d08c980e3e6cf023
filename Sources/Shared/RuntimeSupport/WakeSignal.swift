internal import Foundation

/// Wakes a thread that waits on sockets, from any other thread.
///
/// A self-pipe. Raising the signal several times before it is seen counts once.
package final class WakeSignal: Sendable {
    private let readEnd: Int32
    private let writeEnd: Int32

    /// Creates a signal that is not raised. Traps if the process has no file descriptors left.
    package init() {
        var ends: [Int32] = [-1, -1]
        precondition(pipe(&ends) == 0, "cannot create a pipe: errno \(errno)")
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        readEnd = ends[0]
        writeEnd = ends[1]
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    /// Wakes the waiting thread, or makes the next wait return at once.
    package func raise() {
        var byte: UInt8 = 1
        // This fails only when the pipe is full; then the signal is already raised.
        _ = write(writeEnd, &byte, 1)
    }

    /// Waits until the signal is raised, a socket is readable or the time is up, then lowers the signal.
    ///
    /// - Parameters:
    ///   - sockets: further descriptors to watch.
    ///   - time: the longest wait, rounded up to whole milliseconds.
    package func wait(orSockets sockets: [Int32] = [], atMost time: Duration) {
        var watched = ([readEnd] + sockets).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        poll(&watched, nfds_t(watched.count), time.wholeMilliseconds)
        guard watched[0].revents != 0 else { return }
        withUnsafeTemporaryAllocation(byteCount: 512, alignment: 1) { buffer in
            while read(readEnd, buffer.baseAddress, buffer.count) == buffer.count {}
        }
    }
}
