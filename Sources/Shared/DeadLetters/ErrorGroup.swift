internal import RuntimeSupport

/// What many dead letters died of: the same reason, and the same error but for its variable parts.
struct ErrorGroup: Hashable, Sendable {
    let reason: String?
    /// The error with ids, numbers and quoted values folded.
    let error: String?

    /// Folds the variable parts of an error's text: ids become `<id>`, numbers `#`, what is quoted `"…"`.
    ///
    /// SQLSTATE codes stay, since they say what happened and not to whom.
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

    /// What may stand inside of a number or a time.
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
        // Each run of digits is one number, with what stands between its parts: 10.5, 127.0.0.1:5432, 12:30:01.
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
    /// Without the last elements for which something holds.
    fileprivate func trimmingSuffix(while holds: (Element) -> Bool) -> ArraySlice {
        var rest = self
        while let last = rest.last, holds(last) { rest.removeLast() }
        return rest
    }
}

/// Dead letters, counted by reason, by coupon and by cause.
struct DeadLetterStatistics: Sendable {
    struct Group: Sendable {
        var count = 0
        var oldest: Timestamp?
        var newest: Timestamp?
        var coupons: Set<String> = []
        /// One of them.
        var example: DeadLetter?

        fileprivate mutating func add(_ letter: DeadLetter) {
            count += 1
            if let died = letter.diedAt {
                oldest = min(oldest ?? died, died)
                newest = max(newest ?? died, died)
            }
            if let coupon = letter.couponName { coupons.insert(coupon) }
            example = example ?? letter
        }
    }

    private(set) var all = Group()
    /// Greatest first.
    let reasons: [(reason: String?, group: Group)]
    let coupons: [(couponName: String?, group: Group)]
    let causes: [(cause: ErrorGroup, group: Group)]

    init(_ letters: [DeadLetter]) {
        var reasons: [String?: Group] = [:]
        var coupons: [String?: Group] = [:]
        var causes: [ErrorGroup: Group] = [:]
        // The same text comes thousands of times.
        var folded: [String: String] = [:]
        for letter in letters {
            all.add(letter)
            reasons[letter.reason, default: Group()].add(letter)
            coupons[letter.couponName, default: Group()].add(letter)
            var error: String?
            if let text = letter.error {
                error = folded[text] ?? ErrorGroup.folded(text)
                folded[text] = error
            }
            causes[ErrorGroup(reason: letter.reason, error: error), default: Group()].add(letter)
        }
        self.reasons = reasons.map { ($0.key, $0.value) }.sorted {
            ($1.group.count, $0.reason ?? "") < ($0.group.count, $1.reason ?? "")
        }
        self.coupons = coupons.map { ($0.key, $0.value) }.sorted {
            ($1.group.count, $0.couponName ?? "") < ($0.group.count, $1.couponName ?? "")
        }
        self.causes = causes.map { ($0.key, $0.value) }.sorted {
            ($1.group.count, $0.cause.reason ?? "", $0.cause.error ?? "")
                < ($0.group.count, $1.cause.reason ?? "", $1.cause.error ?? "")
        }
    }
}
