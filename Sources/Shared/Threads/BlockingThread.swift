internal import Foundation

/// Runs code that blocks on a thread of its own, and lets asynchronous code wait for its end.
///
/// The C libraries block; on Swift's cooperative pool, which has as many threads as there are cores, two of them would
/// stop everything else.
package enum BlockingThread {
    /// Runs `body` on a new thread.
    ///
    /// - Parameter name: shown by debuggers and `top -H`; the kernel keeps the first 15 characters.
    /// - Returns: when `body` has returned.
    package static func run(name: String, _ body: @escaping @Sendable () -> Void) async {
        await withCheckedContinuation { continuation in
            let thread = Thread {
                body()
                continuation.resume()
            }
            thread.name = name
            thread.stackSize = 1 << 20
            thread.start()
        }
    }
}
