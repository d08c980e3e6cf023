import RuntimeSupport
import Synchronization

/// What `body` gives, on a thread that it may block.
func waiting<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    let result = Box<Value>()
    await BlockingThread.run(name: "test") { result.value.withLock { $0 = body() } }
    return result.value.withLock { $0 }!
}

/// A value that threads share.
final class Box<Value: Sendable>: Sendable {
    let value = Mutex<Value?>(nil)
}
