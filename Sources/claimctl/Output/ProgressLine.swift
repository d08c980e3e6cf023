import DeadLetters
import Foundation
import RuntimeSupport
import Synchronization

/// A line on the terminal that shows how far an operation is, its rate and the remaining time.
///
/// Any other output replaces it. If standard error is not a terminal, nothing is shown.
final class ProgressLine: Sendable {
    static let shared = ProgressLine()

    private struct State {
        var activity: OperatorSession.Progress.Activity?
        var begin = ContinuousClock.now
        var shownAt: ContinuousClock.Instant?
    }

    private let state = Mutex(State())
    private let isShown = isatty(STDERR_FILENO) == 1
    private static let interval = Duration.milliseconds(200)

    /// Shows the progress, five times per second at most.
    func show(_ progress: OperatorSession.Progress) {
        guard isShown else { return }
        let text = state.withLock { state -> String? in
            let now = ContinuousClock.now
            // A new activity, or another run of the same.
            if state.activity != progress.activity || progress.done == 0 {
                state.activity = progress.activity
                state.begin = now
            }
            guard progress.done < progress.total, state.shownAt.map({ now - $0 > Self.interval }) ?? true else {
                return nil
            }
            state.shownAt = now
            return Self.text(progress, after: now - state.begin)
        }
        if let text { Terminal.writeError("\r\u{1b}[K\(text)") }
    }

    /// Removes the line.
    func clear() {
        let wasShown = state.withLock { state in
            defer { state.shownAt = nil }
            return state.shownAt != nil
        }
        if wasShown { Terminal.writeError("\r\u{1b}[K") }
    }

    /// The line for an operation that has run for some time.
    static func text(_ progress: OperatorSession.Progress, after time: Duration) -> String {
        let seconds = time.inSeconds
        let rate = seconds > 0 ? Double(progress.done) / seconds : 0
        let left =
            rate > 0
            ? ", \(TimeSpan.text(Int((Double(progress.total - progress.done) / rate).rounded(.up)))) left" : ""
        return "\(verb(progress.activity)) \(progress.done) of \(progress.total), \(Int(rate)) per second\(left)"
    }

    private static func verb(_ activity: OperatorSession.Progress.Activity) -> String {
        switch activity {
        case .reading: "read"
        case .replaying: "replayed"
        case .outcomes: "outcomes known:"
        case .discarding: "discarded"
        case .restoring: "restored"
        case .exporting: "exported"
        case .auditing: "pages read:"
        case .comparing: "claims compared:"
        case .requeueing: "published again"
        }
    }
}
