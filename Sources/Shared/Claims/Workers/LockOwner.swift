/// What the value of a coupon's lock says: whose it is.
package struct LockOwner: Hashable, Sendable, CustomStringConvertible {
    /// The worker, as its sign of life names it.
    package let workerID: String
    package let lane: Int

    package init(workerID: String, lane: Int) {
        self.workerID = workerID
        self.lane = lane
    }

    /// Reads a lock's value; nil if it is a stranger's.
    package init?(_ value: String) {
        let parts = value.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "worker", let lane = Int(parts[2]) else { return nil }
        self.init(workerID: String(parts[1]), lane: lane)
    }

    package var description: String { "worker/\(workerID)/\(lane)" }
}
