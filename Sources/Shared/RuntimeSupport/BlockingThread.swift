internal import Foundation
internal import ServiceLifecycle

/// Runs code that blocks on a thread of its own, and lets asynchronous code wait for its end.
///
/// The C libraries block. Swift's cooperative pool has as many threads as there are cores, so a few blocked ones would
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

    /// Runs `body` on a new thread, and requests `stop` at a graceful shutdown and at cancellation.
    ///
    /// - Returns: when `body` has returned.
    package static func run(
        name: String, until stop: StopSignal, _ body: @escaping @Sendable () -> Void
    ) async {
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await run(name: name, body)
            } onGracefulShutdown: {
                stop.request()
            }
        } onCancel: {
            stop.request()
        }
    }
}
