import Claims
import RuntimeSupport
import SeededRandom
import Testing

@testable import ClaimWorker

/// Workers that come and go under a simulated broker, which gives each lane to whoever stands first in its line.
@Suite struct LaneBalancerSimulationTests {
    private struct Cluster {
        let lanes: Int
        var random: SeededGenerator
        /// Who has subscribed to each lane, the active one first.
        var lines: [[String]]
        /// What each worker tells of itself with its next sign of life.
        var lives: [String: WorkerStatus] = [:]
        /// What lies in Redis: each worker's latest sign of life.
        var signs: [String: WorkerStatus] = [:]
        var clock: Int64 = 0
        var born = 0

        init(lanes: Int, seed: Int) {
            self.lanes = lanes
            random = SeededGenerator(seed: seed)
            lines = Array(repeating: [], count: lanes)
        }

        mutating func join() {
            // Ids in no order of age.
            let id = "w\(Int.random(in: 100...999, using: &random))-\(born)"
            born += 1
            lives[id] = WorkerStatus(id: id, name: "w", startedAt: Timestamp(milliseconds: 0), subscribedSince: [:])
            for lane in (0..<lanes).shuffled(using: &random) { subscribe(id, lane) }
        }

        mutating func die() {
            guard let id = lives.keys.sorted().randomElement(using: &random) else { return }
            lives[id] = nil
            signs[id] = nil
            for lane in lines.indices { lines[lane].removeAll { $0 == id } }
        }

        mutating func subscribe(_ id: String, _ lane: Int) {
            clock += 1
            lines[lane].removeAll { $0 == id }
            lines[lane].append(id)
            lives[id]?.subscribedSince[lane] = clock
        }

        /// Each worker in turn shows itself, sees who lives, and leaves what it has to; the others see that only when
        /// it shows itself the next time.
        ///
        /// - Returns: how many lanes were left.
        mutating func beat() -> Int {
            var left = 0
            for id in lives.keys.sorted().shuffled(using: &random) {
                signs[id] = lives[id]
                let lanesToLeave = LaneBalancer(living: Array(signs.values), lanes: lanes).lanesToLeave(id)
                for lane in lanesToLeave { subscribe(id, lane) }
                left += lanesToLeave.count
            }
            return left
        }

        /// So many beats of all workers.
        ///
        /// - Returns: how many lanes were left.
        mutating func beats(_ count: Int) -> Int {
            (0..<count).reduce(0) { left, _ in left + beat() }
        }

        /// How many lanes each worker reads.
        var shares: [Int] {
            lives.keys.map { id in lines.count { $0.first == id } }.sorted()
        }

        var fairShares: [Int] {
            (0..<lives.count).map { lanes / lives.count + ($0 < lanes % lives.count ? 1 : 0) }.sorted()
        }
    }

    @Test(arguments: 0..<100) func theLanesAreSpreadEvenlySoonAfterEveryChangeAndThenStay(_ seed: Int) throws {
        var cluster = Cluster(lanes: 8, seed: seed)
        cluster.join()
        for change in 0..<30 {
            let count = cluster.lives.count
            if count == 9 || count > 1 && cluster.random.oneIn(2) { cluster.die() } else { cluster.join() }
            // Sometimes the next change comes in the middle of the rearranging.
            if cluster.random.oneIn(4) {
                _ = cluster.beat()
                continue
            }
            _ = cluster.beats(8)
            try #require(cluster.shares == cluster.fairShares, "change \(change)")
            let later = cluster.beats(5)
            try #require(later == 0, "change \(change)")
        }
    }

    @Test(arguments: 1...9) func allWorkersThatStartTogetherGetTheirShare(_ count: Int) {
        for seed in 0..<20 {
            var cluster = Cluster(lanes: 8, seed: seed)
            for _ in 0..<count { cluster.join() }
            _ = cluster.beats(10)
            #expect(cluster.shares == cluster.fairShares, "seed \(seed)")
        }
    }

    @Test func aNewWorkerTakesNoMoreLanesAwayThanItsShare() {
        var cluster = Cluster(lanes: 8, seed: 1)
        for _ in 0..<3 { cluster.join() }
        _ = cluster.beats(10)
        let before = cluster.lines.map(\.first)
        cluster.join()
        _ = cluster.beats(10)
        #expect(zip(before, cluster.lines.map(\.first)).count { $0 != $1 } == 2)
    }
}
