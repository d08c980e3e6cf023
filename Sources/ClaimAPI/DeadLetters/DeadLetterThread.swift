import RuntimeSupport

/// Where the blocking work on the dead-letter queue runs.
enum DeadLetterThread {
    /// Bytes. A message may be JSON of 500 levels, and reading it recurses into each.
    private static let stackSize = 16 << 20

    /// Runs `work` on a new thread and returns its value or throws its error.
    static func value<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await BlockingThread.value(name: "dead-letters", stackSize: stackSize, work)
    }

    /// Starts `work` on a new thread.
    static func start(_ work: @escaping @Sendable () -> Void) {
        BlockingThread.start(name: "dead-letters", stackSize: stackSize, work)
    }
}
