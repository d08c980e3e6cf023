internal import Foundation
internal import ServiceLifecycle

/// Runs blocking code on a dedicated thread and lets asynchronous code await its end.
///
/// The C libraries block. Swift's cooperative pool has one thread per core, so a few blocked threads would stall the
/// whole process.
package enum BlockingThread {
    /// Bytes.
    package static let defaultStackSize = 1 << 20

    /// Runs `body` on a new thread and returns when `body` has returned.
    ///
    /// - Parameter name: the thread's name in debuggers and `top -H`; the kernel keeps the first 15 characters.
    package static func run(name: String, _ body: @escaping @Sendable () -> Void) async {
        await withCheckedContinuation { continuation in
            start(name: name) {
                body()
                continuation.resume()
            }
        }
    }

    /// Runs `body` on a new thread and returns its value or throws its error.
    ///
    /// - Parameter stackSize: bytes; more for code that recurses into untrusted data.
    package static func value<Value: Sendable>(
        name: String, stackSize: Int = BlockingThread.defaultStackSize, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        let result: Result<Value, any Error> = await withCheckedContinuation { continuation in
            start(name: name, stackSize: stackSize) { continuation.resume(returning: Result { try body() }) }
        }
        return try result.get()
    }

    /// Starts `body` on a new thread and returns at once.
    package static func start(
        name: String, stackSize: Int = BlockingThread.defaultStackSize, _ body: @escaping @Sendable () -> Void
    ) {
        let thread = Thread(block: body)
        thread.name = name
        thread.stackSize = stackSize
        thread.start()
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
