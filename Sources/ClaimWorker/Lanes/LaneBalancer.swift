import Claims

/// Which worker should have which lane, from what all living workers tell of themselves.
///
/// Pure. The broker gives a lane to whoever has subscribed to it for longest. So a lane goes to another worker when
/// everybody who stands before that one subscribes again behind it. All workers see the same picture and come to the
/// same plan, and where they don't for a moment, the broker still lets one worker at a time read a lane.
struct LaneBalancer {
    private let workers: [WorkerStatus]
    private let lanes: Int

    /// - Parameter living: everybody, also those that have not subscribed to all lanes yet; they don't count.
    init(living: [WorkerStatus], lanes: Int) {
        workers = living.filter { $0.subscribedSince.count == lanes }.sorted { $0.id < $1.id }
        self.lanes = lanes
    }

    /// The lanes on which this worker has to subscribe again, behind the one whose lane it should be.
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

    /// For each lane the worker that should have it: whoever has it now, but for those who have more than their share.
    private func owners() -> [Int: WorkerStatus] {
        var held: [String: [Int]] = [:]
        for lane in 0..<lanes {
            let first = workers.min { left, right in
                (left.subscribedSince[lane] ?? .max, left.id) < (right.subscribedSince[lane] ?? .max, right.id)
            }
            if let first { held[first.id, default: []].append(lane) }
        }
        // Shares differ by one where they can't be equal; the greater ones are for those who have most already.
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
