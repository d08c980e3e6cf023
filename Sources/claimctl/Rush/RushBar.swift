import Foundation
import RuntimeSupport
import Synchronization

/// The progress of a rush as one bar on standard error: the claims that are decided, accepted and not sent yet.
///
/// If standard error is not a terminal, nothing is shown.
final class RushBar: Sendable {
    private struct State {
        var accepted = 0
        var decided = 0
        var shownAt: ContinuousClock.Instant?
    }

    private let users: Int
    private let begin = ContinuousClock.now
    private let state = Mutex(State())
    private let isShown = isatty(STDERR_FILENO) == 1
    private static let interval = Duration.milliseconds(100)
    private static let width = 40

    init(users: Int) {
        self.users = users
    }

    /// Counts further claims.
    func add(accepted: Int = 0, decided: Int = 0) {
        let text = state.withLock { state -> String? in
            state.accepted += accepted
            state.decided += decided
            guard isShown, state.shownAt.map({ .now - $0 > Self.interval }) ?? true else { return nil }
            state.shownAt = .now
            return line(state)
        }
        if let text { Terminal.writeError("\r\u{1b}[K\(text)") }
    }

    /// Shows the bar as it is at the end.
    func end() {
        guard isShown else { return }
        Terminal.writeError("\r\u{1b}[K\(state.withLock { line($0) })\n")
    }

    private func line(_ state: State) -> String {
        Self.text(
            accepted: state.accepted, decided: state.decided, of: users, after: ContinuousClock.now - begin)
    }

    /// The line after some time.
    static func text(accepted: Int, decided: Int, of users: Int, after time: Duration) -> String {
        func columns(_ count: Int) -> Int { min(width, count * width / max(1, users)) }
        let dark = columns(decided)
        let light = max(0, columns(accepted) - dark)
        let bar =
            String(repeating: "█", count: dark) + String(repeating: "▒", count: light)
            + String(repeating: "░", count: width - dark - light)
        let rate = time > .zero ? Int(Double(accepted) / time.inSeconds) : 0
        return "\(bar) \(accepted) of \(users) accepted, \(rate) per second, \(decided) decided"
    }
}
