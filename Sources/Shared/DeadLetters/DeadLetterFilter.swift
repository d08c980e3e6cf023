internal import RuntimeSupport

/// Which dead letters are meant; what is not said does not matter, what is said must hold together.
struct DeadLetterFilter: Hashable, Sendable {
    var reason: String?
    /// A coupon's name in its normal form.
    var couponName: String?
    var userID: String?
    /// Seconds.
    var olderThan: Int?
    /// Seconds.
    var newerThan: Int?

    /// Whether it says nothing, so that everything matches.
    var isEmpty: Bool { self == DeadLetterFilter() }

    /// Whether a dead letter is meant. What died at an unknown time is older than everything.
    func matches(_ letter: DeadLetter, at now: Timestamp) -> Bool {
        if let reason, letter.reason != reason { return false }
        if let couponName, letter.couponName != couponName { return false }
        if let userID, letter.userID != userID { return false }
        let age = letter.diedAt.map { now.seconds(since: $0) } ?? .infinity
        if let olderThan, age <= Double(olderThan) { return false }
        if let newerThan, age >= Double(newerThan) { return false }
        return true
    }
}

/// A span of time as operators write it: `90s`, `15m`, `1h`, `2d`, `1h30m`.
enum TimeSpan {
    private static let units: [(name: String, seconds: Int)] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)]

    /// In seconds; nil if it is something else.
    static func seconds(_ text: String) -> Int? {
        var total = 0
        var rest = text[...]
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard let number = Int(digits), number <= 1_000_000_000 else { return nil }
            rest.removeFirst(digits.count)
            guard let letter = rest.popFirst(), let unit = units.first(where: { $0.name == String(letter) }) else {
                return nil
            }
            total += number * unit.seconds
        }
        return total
    }

    /// The two greatest units of it: `3d4h`, `12m5s`, `0s`.
    static func text(_ seconds: Int) -> String {
        var rest = seconds
        var parts: [String] = []
        for unit in units {
            let count = rest / unit.seconds
            rest %= unit.seconds
            if count > 0 { parts.append("\(count)\(unit.name)") } else if !parts.isEmpty { break }
            if parts.count == 2 { break }
        }
        return parts.isEmpty ? "0s" : parts.joined()
    }
}
