import Foundation

extension LoadReport {
    /// The report for people.
    var text: String {
        var lines = [heading]
        add(
            "accepted", "\(requests.accepted) in \(Self.text(durationSeconds)) s, \(Self.text(rate)) a second",
            to: &lines)
        if requests.refused > 0 { add("other answers", Self.counts(statuses), to: &lines) }
        if !failures.isEmpty { add("failures", Self.counts(failures), to: &lines) }
        if requests.unanswered > 0 { add("not answered", String(requests.unanswered), to: &lines) }
        if requests.unsent > 0 {
            add(
                "not sent",
                "\(requests.unsent): the rate is higher than what ClaimAPI accepts over \(connections) connections",
                to: &lines)
        }
        if let latency { add("latency in ms", latency.text, to: &lines) }
        if let refusalLatency { add("  other answers", refusalLatency.text, to: &lines) }
        if let sendDelay { add("  before sending", sendDelay.text, to: &lines) }
        add("load generator", "\(Self.text(cpuPerRequest)) µs of CPU time a request", to: &lines)
        return lines.joined(separator: "\n")
    }

    private var heading: String {
        let rate = targetRate.map { ", \(Self.text($0)) requests a second" } ?? ""
        return "\(mode == "open_loop" ? "open" : "closed") loop, \(connections) connections\(rate): \(url)"
    }

    private func add(_ name: String, _ value: String, to lines: inout [String]) {
        lines.append(name.padding(toLength: 16, withPad: " ", startingAt: 0) + value)
    }

    private static func counts(_ counts: [String: Int]) -> String {
        counts.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
    }

    /// A number with two digits after the point where they matter.
    static func text(_ number: Double) -> String {
        number == number.rounded() ? String(format: "%.0f", number) : String(format: "%.2f", number)
    }
}

extension LoadReport.Latency {
    /// The percentiles in one line.
    var text: String {
        [("p50", p50), ("p90", p90), ("p99", p99), ("p99.9", p999), ("max", max), ("mean", mean)]
            .map { "\($0.0) \(LoadReport.text($0.1))" }.joined(separator: "  ")
    }
}
