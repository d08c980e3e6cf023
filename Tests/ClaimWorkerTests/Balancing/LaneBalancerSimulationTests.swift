import Claims
import RuntimeSupport
import SeededRandom
import Testing

@testable import ClaimWorker

/// Workers that join and die under a simulated broker, which delivers each lane to its first subscriber.
@Suite struct LaneBalancerSimulationTests {
    private struct Cluster {
        let lanes: Int
        var random: SeededGenerator
        /// The subscribers of each lane, the active one first.
        var subscribers: [[String]]
        /// What each worker reports with its next heartbeat.
        var workers: [String: WorkerStatus] = [:]
        /// The contents of Redis: each worker's latest heartbeat.
        var heartbeats: [String: WorkerStatus] = [:]
        var clock: Int64 = 0
        var joined = 0

        init(lanes: Int, seed: Int) {
            self.lanes = lanes
            random = SeededGenerator(seed: seed)
            subscribers = Array(repeating: [], count: lanes)
        }

        mutating func join() {
            // The order of the ids is not the order of joining.
            let id = "w\(Int.random(in: 100...999, using: &random))-\(joined)"
            joined += 1
            workers[id] = WorkerStatus(id: id, name: "w", startedAt: Timestamp(milliseconds: 0), subscribedSince: [:])
            for lane in (0..<lanes).shuffled(using: &random) { subscribe(id, lane) }
        }

        mutating func die() {
            guard let id = workers.keys.sorted().randomElement(using: &random) else { return }
            workers[id] = nil
            heartbeats[id] = nil
            for lane in subscribers.indices { subscribers[lane].removeAll { $0 == id } }
        }

        mutating func subscribe(_ id: String, _ lane: Int) {
            clock += 1
            subscribers[lane].removeAll { $0 == id }
            subscribers[lane].append(id)
            workers[id]?.subscribedSince[lane] = clock
        }

        /// Lets each worker send a heartbeat, read the others, and leave lanes. The others see that with its next one.
        ///
        /// - Returns: the number of lanes that were left.
        mutating func beat() -> Int {
            var left = 0
            for id in workers.keys.sorted().shuffled(using: &random) {
                heartbeats[id] = workers[id]
                let lanesToLeave = LaneBalancer(live: Array(heartbeats.values), lanes: lanes).lanesToLeave(id)
                for lane in lanesToLeave { subscribe(id, lane) }
                left += lanesToLeave.count
            }
            return left
        }

        /// Lets all workers send a number of heartbeats.
        ///
        /// - Returns: the number of lanes that were left.
        mutating func beats(_ count: Int) -> Int {
            (0..<count).reduce(0) { left, _ in left + beat() }
        }

        /// The number of active lanes of each worker.
        var shares: [Int] {
            workers.keys.map { id in subscribers.count { $0.first == id } }.sorted()
        }

        var fairShares: [Int] {
            (0..<workers.count).map { lanes / workers.count + ($0 < lanes % workers.count ? 1 : 0) }.sorted()
        }
    }

    @Test(arguments: 0..<100) func theLanesAreBalancedSoonAfterEveryChangeAndThenStay(_ seed: Int) throws {
        var cluster = Cluster(lanes: 8, seed: seed)
        cluster.join()
        for change in 0..<30 {
            let count = cluster.workers.count
            if count == 9 || count > 1 && cluster.random.oneIn(2) { cluster.die() } else { cluster.join() }
            // Sometimes the next change comes before the lanes are balanced.
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

    @Test(arguments: 1...9) func workersThatStartTogetherGetTheirShare(_ count: Int) {
        for seed in 0..<20 {
            var cluster = Cluster(lanes: 8, seed: seed)
            for _ in 0..<count { cluster.join() }
            _ = cluster.beats(10)
            #expect(cluster.shares == cluster.fairShares, "seed \(seed)")
        }
    }

    @Test func aNewWorkerTakesOverNoMoreLanesThanItsShare() {
        var cluster = Cluster(lanes: 8, seed: 1)
        for _ in 0..<3 { cluster.join() }
        _ = cluster.beats(10)
        let before = cluster.subscribers.map(\.first)
        cluster.join()
        _ = cluster.beats(10)
        #expect(zip(before, cluster.subscribers.map(\.first)).count { $0 != $1 } == 2)
    }
}
