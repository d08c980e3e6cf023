/// Reads and writes durations as operators write them: `90s`, `15m`, `1h`, `2d`, `1h30m`.
package enum TimeSpan {
    private static let units: [(name: Character, seconds: Int)] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)]
    private static let largestNumber = 1_000_000_000
    /// The largest number of the largest unit, so that every duration can be read back from its ``text(_:)``.
    private static let longest = largestNumber * 86_400

    /// Returns the duration in seconds; nil if the text is not a duration.
    package static func seconds(_ text: String) -> Int? {
        var total = 0
        var rest = text[...]
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard let number = Int(digits), number <= largestNumber else { return nil }
            rest.removeFirst(digits.count)
            guard let letter = rest.popFirst(), let unit = units.first(where: { $0.name == letter }) else {
                return nil
            }
            total += number * unit.seconds
            guard total <= longest else { return nil }
        }
        return total
    }

    /// Returns the two largest units of a duration in seconds: `3d4h`, `12m5s`, `0s`.
    package static func text(_ seconds: Int) -> String {
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
