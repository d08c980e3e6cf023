extension String {
    /// The text with every character that a terminal interprets written out: `\n`, `\u{1b}`.
    ///
    /// For text of unknown origin. Escapes control characters, and those that change the direction of what follows.
    package var printable: String {
        guard unicodeScalars.contains(where: Self.needsEscape) else { return self }
        var safe = ""
        for scalar in unicodeScalars {
            if Self.needsEscape(scalar) {
                safe += scalar.escaped(asASCII: true)
            } else {
                safe.unicodeScalars.append(scalar)
            }
        }
        return safe
    }

    private static func needsEscape(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: true
        default: false
        }
    }
}
