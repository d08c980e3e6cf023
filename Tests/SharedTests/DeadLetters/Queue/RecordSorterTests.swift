import SeededRandom
import Testing

@testable import DeadLetters

@Suite struct RecordSorterTests {
    private typealias Record = RecordSorter.Record

    private func records(_ sorter: RecordSorter) throws -> [Record] {
        var sorted = try sorter.sorted()
        var records: [Record] = []
        while let record = try sorted.next() { records.append(record) }
        return records
    }

    private func random(_ count: Int, using random: inout SeededGenerator) -> [Record] {
        (0..<count).map { _ in
            func bytes(_ longest: Int) -> [UInt8] {
                (0..<Int.random(in: 0...longest, using: &random)).map { _ in UInt8.random(in: 0...3, using: &random) }
            }
            return Record(key: bytes(6), payload: bytes(200))
        }
    }

    /// In memory; in a few runs; in a run for nearly every record.
    @Test(arguments: [1 << 20, 20_000, 300], 0..<5)
    func recordsAreSortedWhetherTheyFitIntoMemoryOrNot(memoryLimit: Int, seed: Int) throws {
        var random = SeededGenerator(seed: seed)
        let added = self.random(500, using: &random)
        let sorter = RecordSorter(memoryLimit: memoryLimit)
        for record in added { try sorter.add(record.key, record.payload) }
        let sorted = try records(sorter)
        #expect(sorter.count == 500)
        #expect(zip(sorted, sorted.dropFirst()).allSatisfy { !$1.key.lexicographicallyPrecedes($0.key) })
        #expect(
            Dictionary(grouping: sorted, by: \.self).mapValues(\.count)
                == Dictionary(grouping: added, by: \.self).mapValues(\.count))
        #expect(try records(sorter).map(\.key) == sorted.map(\.key), "a second time")
    }

    @Test(arguments: [20_000, 300], [nil, 7, 400])
    func noMoreThanTheMemoryLimitIsHeld(memoryLimit: Int, limit: Int?) throws {
        var random = SeededGenerator(seed: memoryLimit)
        let sorter = RecordSorter(limit: limit, memoryLimit: memoryLimit)
        for record in self.random(1500, using: &random) {
            try sorter.add(record.key, record.payload)
            #expect(sorter.bufferSize <= memoryLimit)
        }
    }

    @Test(arguments: [1 << 20, 20_000, 300], [1, 7, 400])
    func aLimitKeepsTheLowest(memoryLimit: Int, limit: Int) throws {
        var random = SeededGenerator(seed: limit)
        let added = self.random(1500, using: &random)
        let sorter = RecordSorter(limit: limit, memoryLimit: memoryLimit)
        for record in added {
            if sorter.accepts(record.key) { try sorter.add(record.key, record.payload) } else { sorter.skip() }
        }
        let lowest = added.map(\.key).sorted { $0.lexicographicallyPrecedes($1) }.prefix(limit)
        #expect(try records(sorter).map(\.key) == Array(lowest))
        #expect(sorter.count == limit)
    }

    @Test func aPrefixIsRefusedOnlyIfNoKeyWithItIsAmongTheLowest() throws {
        let sorter = RecordSorter(limit: 1)
        for number in UInt8(0)..<200 { try sorter.add([5, number], []) }
        #expect(sorter.accepts([5]))
        #expect(sorter.accepts([4, 255]))
        #expect(!sorter.accepts([5, 1]))
        #expect(!sorter.accepts([6]))
    }

    @Test func largePayloadsAreReadBackFromTheFile() throws {
        let sorter = RecordSorter(memoryLimit: 1000)
        let payload = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        for number in UInt8(0)..<4 { try sorter.add([3 - number], payload + [number]) }
        #expect(try records(sorter).map(\.payload) == [3, 2, 1, 0].map { payload + [$0] })
    }

    @Test func withoutRecordsThereIsNone() throws {
        #expect(try records(RecordSorter()).isEmpty)
        #expect(try records(RecordSorter(limit: 3)).isEmpty)
    }
}
