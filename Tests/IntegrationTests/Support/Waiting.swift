/// What a test waited for in vain.
struct Waited: Error, CustomStringConvertible {
    let description: String
}

/// Looks until there is something to see.
///
/// - Parameters:
///   - what: what is waited for, to be named when the time is up.
///   - time: the deadline.
///   - pause: how long until the next look.
///   - look: nil while it is not there yet. What it throws counts as not there, and is named when the time is up.
@discardableResult
func eventually<Value>(
    _ what: String, within time: Duration = .seconds(20), every pause: Duration = .milliseconds(50),
    isolation: isolated (any Actor)? = #isolation, _ look: () async throws -> Value?
) async throws -> Value {
    let deadline = ContinuousClock.now + time
    while true {
        var trouble = ""
        do {
            if let found = try await look() { return found }
        } catch {
            trouble = "; the last look: \(error)"
        }
        guard ContinuousClock.now < deadline else {
            throw Waited(description: "waited \(time) in vain for \(what)\(trouble)")
        }
        try await Task.sleep(for: pause)
    }
}

/// Waits for a condition.
func eventually(
    _ what: String, within time: Duration = .seconds(20), every pause: Duration = .milliseconds(50),
    isolation: isolated (any Actor)? = #isolation, is condition: () async throws -> Bool
) async throws {
    try await eventually(what, within: time, every: pause) { try await condition() ? true : nil }
}

/// Does something for each element, so many at a time.
///
/// - Returns: the results in the elements' order.
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
