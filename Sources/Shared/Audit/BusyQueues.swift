internal import Claims

/// The queues in which an undecided claim may be. Pure.
struct BusyQueues: Hashable {
    /// The lanes that have messages, or whose messages a worker holds.
    private let lanes: Set<Int>
    /// Whether a claim waits for a retry, or for a worker to record that the broker dead-lettered it.
    private let isRetrying: Bool

    /// - Parameter unacknowledged: the lanes whose messages a worker holds.
    init(_ depths: QueueDepths, unacknowledged: Set<Int>) {
        var lanes = unacknowledged
        var isRetrying = false
        for queue in depths.all where queue.messages > 0 {
            switch queue.kind {
            case .lane(let lane): lanes.insert(lane)
            case .retry: isRetrying = true
            case .deadLetters: if queue.name == Topology.brokerDeadLetterQueue { isRetrying = true }
            }
        }
        self.lanes = lanes
        self.isRetrying = isRetrying
    }

    /// Whether a claim without a row may be in one of the queues.
    ///
    /// A claim that Redis knows as decided has left them: a redelivered message is decided before all others of its lane.
    func mayHold(_ claim: LostClaim, lanes count: Int) -> Bool {
        guard claim.status == .pending else { return false }
        return isRetrying || claim.couponName.map { lanes.contains($0.lane(of: count)) } ?? !lanes.isEmpty
    }
}
