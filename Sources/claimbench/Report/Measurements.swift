import Histogram
import NIOCore

/// What a run has seen so far.
struct Measurements: Sendable {
    /// Why a request has no answer, or a connection could not be opened.
    enum Failure: String, CaseIterable, Sendable {
        case connectFailed = "connect_failed"
        case connectionLost = "connection_lost"
        case malformedAnswer = "malformed_answer"
        case timeout = "timeout"
    }

    /// The status of a claim that was accepted.
    static let accepted = 202

    private(set) var sent = 0
    private(set) var answers: [Int: Int] = [:]
    private(set) var failures: [Failure: Int] = [:]
    private(set) var acceptedCount = 0
    /// From the intended start to the answer. A request that has got no answer counts with the time it has waited.
    private(set) var latencies = LatencyHistogram()
    /// The same for answers that accept nothing.
    private(set) var refusalLatencies = LatencyHistogram()
    /// From the intended start to the moment of sending.
    private(set) var delays = LatencyHistogram()
    /// Requests that were due and never sent.
    private(set) var unsent = 0

    var answered: Int { answers.values.reduce(0, +) }

    mutating func recordSending(after delay: TimeAmount) {
        sent += 1
        delays.record(delay)
    }

    mutating func recordAnswer(status: Int, after latency: TimeAmount) {
        answers[status, default: 0] += 1
        if status == Self.accepted {
            acceptedCount += 1
            latencies.record(latency)
        } else {
            refusalLatencies.record(latency)
        }
    }

    /// Records a request that has been sent and gets no answer.
    mutating func recordFailure(_ failure: Failure, after latency: TimeAmount) {
        failures[failure, default: 0] += 1
        latencies.record(latency)
    }

    /// Records a connection that could not be opened.
    mutating func recordFailedConnection() { failures[.connectFailed, default: 0] += 1 }

    /// Records a request that was due and is not sent any more.
    mutating func recordUnsent(after wait: TimeAmount) {
        unsent += 1
        latencies.record(wait)
    }
}

/// Latencies from 1 µs to 10 minutes with three significant digits.
struct LatencyHistogram: Sendable {
    private static let longest: UInt64 = 600_000_000

    private var microseconds = Histogram<UInt32>(
        highestTrackableValue: Self.longest, numberOfSignificantValueDigits: .three)

    var count: UInt64 { microseconds.totalCount }

    /// Adds a latency. One above the range counts as 10 minutes.
    mutating func record(_ latency: TimeAmount) {
        microseconds.record(min(UInt64(clamping: latency.nanoseconds / 1000), Self.longest))
    }

    /// The latency in milliseconds that a share of all values does not exceed.
    func milliseconds(atPercentile percentile: Double) -> Double {
        Double(microseconds.valueAtPercentile(percentile)) / 1000
    }

    var maximum: Double { Double(microseconds.max) / 1000 }
    var mean: Double { microseconds.mean / 1000 }
}
