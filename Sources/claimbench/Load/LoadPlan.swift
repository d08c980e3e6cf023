import NIOCore

/// What a run sends, how, and when it ends.
struct LoadPlan: Sendable {
    /// When a request starts.
    enum Arrivals: Sendable, Equatable {
        /// Each connection sends its next request when it has the answer to the last. A slow server gets fewer requests.
        case closedLoop
        /// Requests start at a fixed rate per second. If all connections are busy, they wait, and the wait counts.
        case openLoop(rate: Double)
    }

    let host: String
    let port: Int
    let request: ClaimRequest
    let connections: Int
    let arrivals: Arrivals
    /// How long requests are sent; nil if only ``count`` ends the run.
    let duration: TimeAmount?
    /// The largest number of requests.
    let count: Int?
    /// The longest time for connecting and for an answer.
    let timeout: TimeAmount

    /// The schedule of an open-loop run.
    var schedule: ArrivalSchedule? {
        guard case .openLoop(let rate) = arrivals else { return nil }
        return ArrivalSchedule(rate: rate, duration: duration?.nanoseconds, count: count)
    }
}
