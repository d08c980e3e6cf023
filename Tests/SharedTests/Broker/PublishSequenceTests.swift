import Broker
import RuntimeSupport
import Testing

@Suite struct PublishSequenceTests {
    @Test func numbersIncrease() {
        let numbers = (0..<10_000).map { _ in PublishSequence.next() }
        #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test func aNumberIsNotBeforeTheWallClock() {
        let now = WallClock.microseconds()
        #expect(PublishSequence.next() >= now)
    }

    @Test func numbersOfManyThreadsIncreaseAndAreUnique() async {
        let perThread = await withTaskGroup(of: [Int64].self) { group in
            for _ in 0..<8 {
                group.addTask { await onThread { (0..<5000).map { _ in PublishSequence.next() } } }
            }
            return await group.reduce(into: [[Int64]]()) { $0.append($1) }
        }
        for numbers in perThread {
            #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 })
        }
        #expect(Set(perThread.joined()).count == 8 * 5000)
    }
}
