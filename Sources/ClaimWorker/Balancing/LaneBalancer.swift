import Claims

/// Assigns lanes to workers, from what all live workers report about themselves.
///
/// Pure. The broker delivers a lane's messages to the worker that subscribed first. So a lane moves to another worker when
/// all workers that subscribed before that one subscribe again, behind it. All workers see the same reports and derive the
/// same plan. While their reports differ, the broker still lets only one worker at a time consume a lane.
struct LaneBalancer {
    private let workers: [WorkerStatus]
    private let lanes: Int

    /// - Parameter live: all live workers. Those that have not subscribed to all lanes yet are ignored.
    init(live: [WorkerStatus], lanes: Int) {
        workers = live.filter { $0.subscribedSince.count == lanes }.sorted { $0.id < $1.id }
        self.lanes = lanes
    }

    /// Returns the lanes to which this worker has to subscribe again, because another worker behind it should have them.
    func lanesToLeave(_ id: String) -> [Int] {
        guard let me = workers.first(where: { $0.id == id }) else { return [] }
        let owners = owners()
        return (0..<lanes).filter { lane in
            guard let owner = owners[lane], owner.id != id, let mine = me.subscribedSince[lane],
                let theirs = owner.subscribedSince[lane]
            else { return false }
            return mine < theirs
        }
    }

    /// Returns the worker that should have each lane: the one that has it now, unless that one has more than its share.
    private func owners() -> [Int: WorkerStatus] {
        var held: [String: [Int]] = [:]
        for lane in 0..<lanes {
            let first = workers.min { left, right in
                (left.subscribedSince[lane] ?? .max, left.id) < (right.subscribedSince[lane] ?? .max, right.id)
            }
            if let first { held[first.id, default: []].append(lane) }
        }
        // Shares that can't be equal differ by one. The larger ones go to the workers that have the most lanes already.
        let byHolding = workers.sorted { left, right in
            (-(held[left.id]?.count ?? 0), left.id) < (-(held[right.id]?.count ?? 0), right.id)
        }
        var owners: [Int: WorkerStatus] = [:]
        var free: [Int] = []
        var wanting: [(worker: WorkerStatus, count: Int)] = []
        for (index, worker) in byHolding.enumerated() {
            let share = lanes / workers.count + (index < lanes % workers.count ? 1 : 0)
            let has = held[worker.id] ?? []
            for lane in has.prefix(share) { owners[lane] = worker }
            free += has.dropFirst(share)
            if has.count < share { wanting.append((worker, share - has.count)) }
        }
        for lane in free.sorted() {
            guard let next = wanting.indices.first(where: { wanting[$0].count > 0 }) else { break }
            owners[lane] = wanting[next].worker
            wanting[next].count -= 1
        }
        return owners
    }
}
