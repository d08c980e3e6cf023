/// A failure of a test, for example a wait that timed out.
struct TestFailure: Error, CustomStringConvertible {
    let description: String
}

/// Polls until `look` returns a value.
///
/// - Parameters:
///   - what: what is expected, for the error.
///   - time: the longest wait.
///   - pause: the time between two polls.
///   - look: returns nil while the value is not available. Errors count as nil, and the last one is reported.
/// - Throws: ``TestFailure`` when the time is up.
@discardableResult
func eventually<Value>(
    _ what: String, within time: Duration = .seconds(20), every pause: Duration = .milliseconds(50),
    isolation: isolated (any Actor)? = #isolation, _ look: () async throws -> Value?
) async throws -> Value {
    let deadline = ContinuousClock.now + time
    while true {
        var lastError = ""
        do {
            if let found = try await look() { return found }
        } catch {
            lastError = "; last error: \(error)"
        }
        guard ContinuousClock.now < deadline else {
            throw TestFailure(description: "timed out after \(time) waiting for \(what)\(lastError)")
        }
        try await Task.sleep(for: pause)
    }
}

/// Polls until a condition holds.
func eventually(
    _ what: String, within time: Duration = .seconds(20), every pause: Duration = .milliseconds(50),
    isolation: isolated (any Actor)? = #isolation, is condition: () async throws -> Bool
) async throws {
    try await eventually(what, within: time, every: pause) { try await condition() ? true : nil }
}

/// Runs `work` for each element, up to `limit` at a time.
///
/// - Returns: the results in the order of the elements.
func concurrently<Element: Sendable, Value: Sendable>(
    _ elements: [Element], atMost limit: Int = 64, _ work: @escaping @Sendable (Element) async throws -> Value
) async throws -> [Value] {
    try await withThrowingTaskGroup(of: (Int, Value).self) { group in
        var results = [Value?](repeating: nil, count: elements.count)
        var next = 0
        func addOne() {
            guard next < elements.count else { return }
            let index = next
            next += 1
            group.addTask { (index, try await work(elements[index])) }
        }
        for _ in 0..<limit { addOne() }
        while let (index, value) = try await group.next() {
            results[index] = value
            addOne()
        }
        return results.compactMap(\.self)
    }
}
