/// The version that a server reports, for example 3.10.8.
package struct ServerVersion: Comparable, Sendable, CustomStringConvertible {
    private let parts: [Int]

    /// Parses the leading numbers of a text such as `7.0.15`, `15.16 (Debian 15.16-0+deb12u1)` or `4.1.0-rc.2`.
    ///
    /// - Returns: nil if the text does not begin with a number.
    package init?(_ text: String) {
        let numbers = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }.split(separator: ".")
        let parts = numbers.compactMap { Int($0) }
        guard !parts.isEmpty, parts.count == numbers.count else { return nil }
        self.parts = parts
    }

    package init(_ parts: Int...) {
        self.parts = parts
    }

    package var description: String { parts.map(String.init).joined(separator: ".") }

    package static func < (left: Self, right: Self) -> Bool {
        left.parts.lexicographicallyPrecedes(right.parts)
    }

    /// Returns why a server of this version cannot be used, in one sentence; nil if it can.
    ///
    /// - Parameters:
    ///   - product: the server's name.
    ///   - minimum: the oldest version that can be used.
    package func refusal(of product: String, before minimum: ServerVersion) -> String? {
        self < minimum ? "\(product) \(self) is too old; version \(minimum) or later is required" : nil
    }
}
