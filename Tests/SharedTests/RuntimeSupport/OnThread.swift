import RuntimeSupport
import Synchronization

/// Returns what `body` returns, after running it on a thread that it may block.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    let result = Box<Value>()
    await BlockingThread.run(name: "test") { result.value.withLock { $0 = body() } }
    return result.value.withLock { $0 }!
}

/// A value that several threads share.
final class Box<Value: Sendable>: Sendable {
    let value = Mutex<Value?>(nil)
}
