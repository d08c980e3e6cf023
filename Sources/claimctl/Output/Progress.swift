import Foundation

/// A line on the terminal that tells how far a long work is, its rate and the remaining time. Without one it is silent.
struct Progress {
    private let what: String
    private let total: Int
    private let isShown = isatty(STDERR_FILENO) == 1
    private let begin = ContinuousClock.now
    private var lastShown: ContinuousClock.Instant?

    init(_ what: String, of total: Int) {
        self.what = what
        self.total = total
    }

    /// Shows it, a few times a second at most.
    mutating func show(_ done: Int) {
        let now = ContinuousClock.now
        guard isShown, done < total, lastShown.map({ now - $0 > .milliseconds(200) }) ?? true else { return }
        lastShown = now
        let seconds = (now - begin) / .seconds(1)
        let rate = seconds > 0 ? Double(done) / seconds : 0
        let rest = rate > 0 ? ", \(TimeSpan.text(Int((Double(total - done) / rate).rounded(.up)))) left" : ""
        Terminal.note("\r\u{1b}[K\(what) \(done) of \(total), \(Int(rate)) a second\(rest)", end: "")
    }

    /// Wipes the line.
    func clear() {
        if lastShown != nil { Terminal.note("\r\u{1b}[K", end: "") }
    }
}
