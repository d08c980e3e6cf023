import Foundation

/// The terminal, if there is one, and the person at it.
enum Terminal {
    /// Whether a person may answer questions.
    static var isInteractive: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

    /// The columns of standard output; nil where it is no terminal, so that nothing needs to be cut.
    static var width: Int? {
        guard isatty(STDOUT_FILENO) == 1 else { return nil }
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Asks on standard error; anything but a yes is a no.
    static func confirms(_ question: String) -> Bool {
        note("\(question) [y/N] ", end: "")
        return ["y", "yes"].contains(readLine()?.lowercased())
    }

    /// Tells the person something that is no result: on standard error, so that no program reads it.
    static func note(_ text: String, end: String = "\n") {
        // A closed standard error is nobody's loss.
        try? FileHandle.standardError.write(contentsOf: Data("\(text)\(end)".utf8))
    }

    /// Text of unknown origin without the characters that a terminal would obey.
    static func harmless(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isDangerous) else { return text }
        var safe = ""
        for scalar in text.unicodeScalars {
            if isDangerous(scalar) { safe += scalar.escaped(asASCII: true) } else { safe.unicodeScalars.append(scalar) }
        }
        return safe
    }

    /// Control characters, and those that change the direction of what follows.
    private static func isDangerous(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: true
        default: false
        }
    }

    /// The name of the system's user, for what is written down about who did something.
    static var userName: String {
        guard let entry = getpwuid(getuid()) else { return String(getuid()) }
        return String(cString: entry.pointee.pw_name)
    }
}
