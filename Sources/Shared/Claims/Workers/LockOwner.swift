/// The owner of a coupon's lock, as written in the lock's value.
package struct LockOwner: Hashable, Sendable, CustomStringConvertible {
    /// The id of the worker, see ``WorkerStatus/id``.
    package let workerID: String
    package let lane: Int

    package init(workerID: String, lane: Int) {
        self.workerID = workerID
        self.lane = lane
    }

    /// Reads the value of a lock; nil if no worker of this system wrote it.
    package init?(_ value: String) {
        let parts = value.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "worker", let lane = Int(parts[2]) else { return nil }
        self.init(workerID: String(parts[1]), lane: lane)
    }

    package var description: String { "worker/\(workerID)/\(lane)" }
}
