import Foundation
import NIOCore

/// A line on the terminal that shows how a run goes. If standard error is not a terminal, nothing is shown.
struct ProgressLine: Sendable {
    private let isShown = isatty(STDERR_FILENO) == 1

    func show(_ measurements: Measurements, after time: TimeAmount) {
        guard isShown else { return }
        write("\r\u{1b}[K\(Self.text(measurements, after: time))")
    }

    /// Removes the line.
    func clear() {
        if isShown { write("\r\u{1b}[K") }
    }

    /// The line after some time.
    static func text(_ measurements: Measurements, after time: TimeAmount) -> String {
        let seconds = Double(time.nanoseconds) / 1e9
        let rate = seconds > 0 ? Int(Double(measurements.acceptedCount) / seconds) : 0
        let refused = measurements.answered - measurements.acceptedCount
        let failed = measurements.failures.values.reduce(0, +)
        return "\(Int(seconds)) s: \(measurements.acceptedCount) accepted, \(rate) a second"
            + (refused > 0 ? ", \(refused) other answers" : "") + (failed > 0 ? ", \(failed) failures" : "")
    }

    private func write(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
}
