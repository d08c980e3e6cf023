import SeededRandom
import Testing

@testable import Broker

/// Compares the state with a simple model, a list of all requests, over random histories.
@Suite struct PublisherStateModelTests {
    private struct Request {
        let deadline: ContinuousClock.Instant
        var isUnpublished = true
        var isAnswered = false
    }

    @Test(arguments: 0..<100) func everyCallerIsAnsweredExactlyOnce(_ seed: Int) throws {
        var random = SeededGenerator(seed: seed)
        var state = PublisherState<Int>(capacity: 50)
        state.connected()
        var requests: [Request] = []
        /// The indices of the published requests, by number.
        var published: [UInt64: Int] = [:]
        var now = ContinuousClock.now
        let message = OutgoingMessage(
            BrokerMessage(properties: MessageProperties(), body: []), exchange: "", routingKey: "")

        func answer(_ waiters: [Int], _ step: Int) throws {
            for waiter in waiters {
                try #require(!requests[waiter].isAnswered, "step \(step)")
                requests[waiter].isAnswered = true
            }
        }
        for step in 0..<500 {
            now += .milliseconds(Int.random(in: 0...3, using: &random))
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<8:
                let open = requests.count { !$0.isAnswered }
                if state.enqueue(message, deadline: now + .milliseconds(60), waiter: requests.count) == nil {
                    requests.append(Request(deadline: now + .milliseconds(60)))
                } else {
                    try #require(open == 50, "step \(step): a request is refused only when the queue is full")
                }
            case 8..<12:
                let waiting = requests.indices.filter { requests[$0].isUnpublished && !requests[$0].isAnswered }
                let taken = state.takeWaiting(atMost: Int.random(in: 1...5, using: &random))
                try #require(taken.count <= waiting.count, "step \(step)")
                for (index, request) in zip(waiting, taken) {
                    requests[index].isUnpublished = false
                    published[request.number] = index
                }
            case 12..<17:
                let numbers = published.keys.sorted().filter { _ in random.oneIn(3) }
                let resolved = state.resolve(numbers.map { ($0, .confirmed) })
                let expected = numbers.compactMap { published[$0] }.filter { !requests[$0].isAnswered }
                try #require(resolved.map(\.waiter) == expected, "step \(step)")
                try answer(expected, step)
                for number in numbers { published[number] = nil }
            case 17..<19:
                let expected = requests.indices.filter { !requests[$0].isAnswered && requests[$0].deadline <= now }
                try #require(state.expire(now: now) == expected, "step \(step)")
                try answer(expected, step)
            default:
                if random.oneIn(2) {
                    let waiting = requests.indices.filter { requests[$0].isUnpublished && !requests[$0].isAnswered }
                    try #require(state.blocked(reason: "alarm") == waiting, "step \(step)")
                    state.unblocked()
                    try answer(waiting, step)
                } else {
                    let open = requests.indices.filter { !requests[$0].isAnswered }
                    try #require(state.disconnected(reason: "lost") == open, "step \(step)")
                    state.connected()
                    try answer(open, step)
                    published = [:]
                }
            }
        }
        let open = requests.indices.filter { !requests[$0].isAnswered }
        #expect(state.disconnected(reason: "end") == open)
    }
}
