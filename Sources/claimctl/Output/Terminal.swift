import Foundation

/// The terminal and the operator at it.
enum Terminal {
    /// Whether an operator can answer questions.
    static var isInteractive: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

    /// The columns of standard output; nil if it is not a terminal, so that nothing is cut.
    static var width: Int? {
        guard isatty(STDOUT_FILENO) == 1 else { return nil }
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Asks on standard error. Any answer except yes is a no.
    static func confirms(_ question: String) -> Bool {
        note("\(question) [y/N] ", end: "")
        return ["y", "yes"].contains(readLine()?.lowercased())
    }

    /// Prints to standard error, for the operator and not for programs.
    static func note(_ text: String, end: String = "\n") {
        ProgressLine.shared.clear()
        writeError("\(text)\(end)")
    }

    /// Writes to standard error, if it is open.
    static func writeError(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }

    /// The name of the system's user, recorded with each change.
    static var userName: String {
        guard let entry = getpwuid(getuid()) else { return String(getuid()) }
        return String(cString: entry.pointee.pw_name)
    }
}
