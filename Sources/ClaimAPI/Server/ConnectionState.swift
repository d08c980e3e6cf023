import HTTPTypes

/// The requests of one HTTP/1.1 connection, and how long the connection may stay as it is.
///
/// Pure: it gets the time and returns what to do. Requests may be pipelined, so several can be in progress.
struct ConnectionState {
    /// How long a client may take.
    struct Limits: Hashable, Sendable {
        /// From connecting to the end of the first request's header.
        var header: Duration
        /// From the end of a response to the end of the next request's header.
        var idle: Duration
        /// From the end of a request's header to the end of its body.
        var body: Duration
        /// For reading anything of a response that waits to be sent.
        var write: Duration
    }

    typealias Instant = ContinuousClock.Instant

    /// What an expired deadline means.
    enum Expiry: Hashable {
        /// No request is in progress, or the client does not read: close the connection.
        case close
        /// A body is incomplete: the request has failed.
        case failRequest
    }

    private let limits: Limits
    /// Requests whose header was received and whose response is not complete.
    private var inProgress = 0
    private var isReceiving = false
    private var isFirst = true
    private var isWritable = true
    private var isFailed = false
    /// When the present phase began.
    private var since: Instant
    private var unwritableSince: Instant

    /// Whether the request that was received last is the only one in progress.
    var isOnlyRequest: Bool { inProgress == 1 }

    /// Whether the connection is to be closed after the response that is being written.
    private(set) var closesAfterResponse = false

    init(_ limits: Limits, now: Instant) {
        self.limits = limits
        since = now
        unwritableSince = now
    }

    mutating func receivedHead(now: Instant) {
        isFirst = false
        isReceiving = true
        inProgress += 1
        since = now
    }

    mutating func receivedEnd(now: Instant) {
        isReceiving = false
        since = now
    }

    /// Notes that a response begins.
    ///
    /// - Parameter isDraining: whether the server is about to stop, so that the client should connect to another one.
    /// - Returns: whether it must say `Connection: close`: its request is not received completely, and the rest of it
    ///   is not worth reading. A header that is not valid HTTP is such a request, too. While the server drains, every
    ///   response says it, unless another request of the connection is in progress.
    mutating func willRespond(isDraining: Bool = false) -> Bool {
        if inProgress == 0 || inProgress == 1 && (isReceiving || isDraining) { closesAfterResponse = true }
        return closesAfterResponse
    }

    mutating func responded(now: Instant) {
        inProgress = max(0, inProgress - 1)
        since = now
    }

    mutating func changedWritability(_ isWritable: Bool, now: Instant) {
        self.isWritable = isWritable
        if !isWritable { unwritableSince = now }
    }

    /// Notes that the request in progress was failed because its body did not arrive.
    mutating func failed(now: Instant) {
        isFailed = true
        since = now
    }

    /// When something has to happen at the latest, and what; nil while only the server is to blame for the delay.
    var deadline: (time: Instant, expiry: Expiry)? {
        if !isWritable { return (unwritableSince + limits.write, .close) }
        // The answer to a failed request takes no time; a connection that is still open then is closed.
        if isFailed { return (since + limits.write, .close) }
        if isReceiving { return (since + limits.body, inProgress == 1 ? .failRequest : .close) }
        if inProgress == 0 { return (since + (isFirst ? limits.header : limits.idle), .close) }
        return nil
    }
}
