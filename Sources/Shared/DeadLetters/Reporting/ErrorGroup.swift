/// Identifies dead letters with the same cause: the same reason, and the same error except for its variable parts.
package struct ErrorGroup: Hashable, Sendable {
    package let reason: String?
    /// The error with ids, numbers and quoted values folded.
    package let error: String?

    init(reason: String?, error: String?) {
        self.reason = reason
        self.error = error
    }

    /// Folds the variable parts of an error's text: ids become `<id>`, numbers `#`, quoted text `"…"`.
    ///
    /// SQLSTATE codes stay, because they name the kind of error.
    static func folded(_ text: String) -> String {
        var folded = ""
        var rest = Array(text.unicodeScalars)[...]
        var previous: Unicode.Scalar = " "
        var isCode = false
        while let next = rest.first {
            if let closing = closingQuote(next), !isWord(previous), let end = rest.dropFirst().firstIndex(of: closing) {
                folded.unicodeScalars += [next, "…", closing]
                rest = rest[(end + 1)...]
                previous = closing
            } else if isWord(next) {
                let word = rest.prefix { isWord($0) || $0 == "-" || isSeparator($0) }
                    .trimmingSuffix { !isWord($0) }
                folded += isCode ? String(word) : fold(word)
                isCode = String(word) == "SQLSTATE"
                previous = word.last ?? next
                rest = rest[word.endIndex...]
            } else {
                folded.unicodeScalars.append(next)
                if next != " " { isCode = false }
                previous = next
                rest.removeFirst()
            }
        }
        return folded
    }

    private static func closingQuote(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
        switch scalar {
        case "\"", "'", "`": scalar
        case "“": "”"
        case "‘": "’"
        case "«": "»"
        default: nil
        }
    }

    private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isAlphabetic || isDigit(scalar) || scalar == "_"
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
        ("0"..."9").contains(scalar)
    }

    private static func isBetweenDigits(_ index: Int, _ word: ArraySlice<Unicode.Scalar>) -> Bool {
        index > word.startIndex && index + 1 < word.endIndex && isDigit(word[index - 1]) && isDigit(word[index + 1])
    }

    /// Whether a number or a time may contain this character.
    private static func isSeparator(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "." || scalar == ":" || scalar == ","
    }

    private static func fold(_ word: ArraySlice<Unicode.Scalar>) -> String {
        // `lock:SALE:9s7r…` is three words, `12:30:01` one number.
        if word.contains(where: { !isDigit($0) && !isSeparator($0) }),
            let gap = word.indices.dropFirst().first(where: { isSeparator(word[$0]) && !isBetweenDigits($0, word) })
        {
            return fold(word[..<gap]) + String(word[gap...gap]) + fold(word[(gap + 1)...])
        }
        let digits = word.count(where: isDigit)
        if digits == 0 { return String(word) }
        let isHex = word.allSatisfy { $0.properties.isASCIIHexDigit || $0 == "-" }
        let letters = word.contains { $0.properties.isAlphabetic }
        if letters, word.count >= (isHex ? 8 : 20), !word.contains(where: isSeparator) { return "<id>" }
        // Each run of digits is one number, including its separators: 10.5, 127.0.0.1:5432, 12:30:01.
        var text = ""
        var rest = word
        while let next = rest.popFirst() {
            guard isDigit(next) else {
                text.unicodeScalars.append(next)
                continue
            }
            text += "#"
            while let after = rest.first,
                isDigit(after) || isSeparator(after) && rest.dropFirst().first.map(isDigit) == true
            {
                rest.removeFirst()
            }
        }
        return text
    }
}

extension String {
    fileprivate init(_ scalars: ArraySlice<Unicode.Scalar>) {
        var view = UnicodeScalarView()
        view.append(contentsOf: scalars)
        self.init(view)
    }
}

extension ArraySlice {
    /// Returns the slice without its last elements that meet a condition.
    fileprivate func trimmingSuffix(while matches: (Element) -> Bool) -> ArraySlice {
        var rest = self
        while let last = rest.last, matches(last) { rest.removeLast() }
        return rest
    }
}
