internal import Foundation
internal import ServiceLifecycle

/// Runs blocking code on a dedicated thread and lets asynchronous code await its end.
///
/// The C libraries block. Swift's cooperative pool has one thread per core, so a few blocked threads would stall the
/// whole process.
package enum BlockingThread {
    /// Runs `body` on a new thread and returns when `body` has returned.
    ///
    /// - Parameter name: the thread's name in debuggers and `top -H`; the kernel keeps the first 15 characters.
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

    /// Runs `body` on a new thread and returns its value or throws its error.
    package static func value<Value: Sendable>(
        name: String, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        let result: Result<Value, any Error> = await withCheckedContinuation { continuation in
            let thread = Thread { continuation.resume(returning: Result { try body() }) }
            thread.name = name
            thread.stackSize = 1 << 20
            thread.start()
        }
        return try result.get()
    }

    /// Runs `body` on a new thread and returns when `body` has returned.
    ///
    /// Graceful shutdown and task cancellation request `stop`; `body` must return soon after that.
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
