import SeededRandom
import Testing

@testable import Broker

/// Compares the state with a simple model, a list of all requests, over random histories.
@Suite struct PublisherStateModelTests {
    private struct Request {
        let deadline: ContinuousClock.Instant
        let route: Int
        var isUnpublished = true
        var isAnswered = false
    }

    private typealias State = PublisherState<Int, Int>

    @Test(arguments: 0..<100) func everyCallerIsAnsweredExactlyOnce(_ seed: Int) throws {
        var random = SeededGenerator(seed: seed)
        let limits = State.Limits(
            capacity: 50, itemsPerMessage: Int.random(in: 1...5, using: &random),
            messagesPerRoute: Int.random(in: 1...3, using: &random),
            fullMessagesPerRoute: Int.random(in: 3...5, using: &random))
        var state = State(routes: 3, limits: limits)
        state.connected()
        var requests: [Request] = []
        var published: [State.Batch] = []
        var now = ContinuousClock.now

        func answer(_ waiters: [Int], _ step: Int) throws {
            for waiter in waiters {
                try #require(!requests[waiter].isAnswered, "step \(step)")
                requests[waiter].isAnswered = true
            }
        }
        func open(_ condition: (Request) -> Bool = { _ in true }) -> [Int] {
            requests.indices.filter { !requests[$0].isAnswered && condition(requests[$0]) }
        }
        for step in 0..<500 {
            now += .milliseconds(Int.random(in: 0...3, using: &random))
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<8:
                let (number, deadline) = (requests.count, now + .milliseconds(60))
                let route = Int.random(in: 0..<3, using: &random)
                if case .refused = state.enqueue(number, route: route, deadline: deadline, waiter: number) {
                    try #require(open().count == 50, "step \(step): a request is refused only when the queue is full")
                } else {
                    requests.append(Request(deadline: deadline, route: route))
                }
            case 8..<12:
                let batches = state.takeWaiting()
                for batch in batches {
                    try #require((1...limits.itemsPerMessage).contains(batch.items.count), "step \(step)")
                    for item in batch.items {
                        try #require(requests[item].isUnpublished && !requests[item].isAnswered, "step \(step)")
                        try #require(requests[item].route == batch.route, "step \(step)")
                        requests[item].isUnpublished = false
                    }
                }
                published += batches
                for route in 0..<3 {
                    let unconfirmed = published.filter { $0.route == route }
                    try #require(unconfirmed.count <= limits.fullMessagesPerRoute, "step \(step)")
                    let items = batches.filter { $0.route == route }.flatMap(\.items)
                    try #require(items == items.sorted(), "step \(step): a route keeps its order")
                    let waiting = open { $0.isUnpublished && $0.route == route }
                    let isFull = waiting.count >= limits.itemsPerMessage
                    let allowed = isFull ? limits.fullMessagesPerRoute : limits.messagesPerRoute
                    try #require(
                        waiting.isEmpty || unconfirmed.count >= allowed, "step \(step): nothing waits without reason")
                }
            case 12..<17:
                let confirmed = published.filter { _ in random.oneIn(3) }
                published.removeAll { batch in confirmed.contains { $0.numbers == batch.numbers } }
                let expected = confirmed.flatMap(\.items).filter { !requests[$0].isAnswered }
                try #require(
                    state.resolve(confirmed.map { ($0, .confirmed) }).map(\.waiter) == expected, "step \(step)")
                try answer(expected, step)
            case 17..<19:
                let expected = open { $0.deadline <= now }
                try #require(state.expire(now: now) == expected, "step \(step)")
                try answer(expected, step)
            default:
                if random.oneIn(2) {
                    let waiting = open(\.isUnpublished)
                    try #require(state.blocked(reason: "alarm") == waiting, "step \(step)")
                    state.unblocked()
                    try answer(waiting, step)
                } else {
                    let expected = open()
                    try #require(state.disconnected(reason: "lost") == expected, "step \(step)")
                    state.connected()
                    try answer(expected, step)
                    published = []
                }
            }
            try #require(state.unanswered == open().count, "step \(step)")
        }
        let expected = open()
        #expect(state.disconnected(reason: "end") == expected)
    }
}
