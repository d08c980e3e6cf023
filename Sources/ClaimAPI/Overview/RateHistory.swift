import Claims
import RuntimeSupport

/// The numbers of claims that were accepted and decided in each of the last seconds. Pure.
struct RateHistory: Sendable {
    /// The claims of one second.
    struct Sample: Hashable, Sendable {
        /// When the second ended.
        let at: Timestamp
        /// Per second; nil while Redis is away.
        let accepted: Double?
        let decided: Double?
    }

    /// The seconds that are kept.
    static let length = 300
    /// Counters that are further apart, in seconds, give no rate of one second.
    private static let longestGap = 3.0

    /// The oldest first.
    private(set) var samples: [Sample] = []
    private var last: (at: Timestamp, lanes: [LaneQueue.Counters?])?

    /// Adds the counters of all lanes.
    ///
    /// - Parameter counters: nil if Redis did not answer.
    mutating func add(_ counters: [LaneQueue.Counters?]?, at time: Timestamp) {
        samples.append(sample(counters, time))
        samples.removeFirst(max(0, samples.count - Self.length))
        last = counters.map { (time, $0) }
    }

    private func sample(_ counters: [LaneQueue.Counters?]?, _ time: Timestamp) -> Sample {
        guard let counters, let last, case let seconds = time.seconds(since: last.at), seconds > 0,
            seconds <= Self.longestGap
        else { return Sample(at: time, accepted: nil, decided: nil) }
        var (accepted, decided) = (Int64(0), Int64(0))
        for (new, old) in zip(counters, last.lanes) {
            // A lane that was empty or that Redis has lost begins at 0. A number that was returned lowers the counter.
            guard let new else { continue }
            accepted += max(0, new.accepted - min(old?.accepted ?? 0, new.accepted))
            decided += max(0, new.decided - min(old?.decided ?? 0, new.decided))
        }
        return Sample(at: time, accepted: Double(accepted) / seconds, decided: Double(decided) / seconds)
    }
}
