/// Whether PostgreSQL serves the calls of a client.
///
/// A server that can be reached may fail some calls, for example on a locked table, while others succeed.
/// So an outage is over at a success only if no call has failed for a while. Pure: it gets the time.
struct PostgresAvailability {
    typealias Instant = ContinuousClock.Instant

    enum Change: Hashable {
        /// The first success.
        case connected
        case lost
        /// - Parameter after: the time from the first failure to the last one.
        case recovered(after: Duration)
    }

    /// The time without a failure after which a success ends an outage.
    static let quietTime = Duration.seconds(5)

    private var wasConnected = false
    private var outage: (since: Instant, lastFailure: Instant)?

    /// Records a call or a connection that failed because of the server.
    ///
    /// - Returns: a change for the log; nil if there is none.
    mutating func failed(at now: Instant) -> Change? {
        defer { outage = (outage?.since ?? now, now) }
        return outage == nil ? .lost : nil
    }

    /// Records a call that the server has answered, or a new connection.
    ///
    /// - Returns: a change for the log; nil if there is none.
    mutating func succeeded(at now: Instant) -> Change? {
        if let outage {
            guard now - outage.lastFailure >= Self.quietTime else { return nil }
            self.outage = nil
            wasConnected = true
            return .recovered(after: outage.lastFailure - outage.since)
        }
        defer { wasConnected = true }
        return wasConnected ? nil : .connected
    }
}
