/// How many messages a change of many processes before it closes the queue, so that other operators get their turn.
enum OperatorRound {
    /// A third of the queue at least, so that reading the queue for each round does not take most of the time.
    private static let fewest = 20_000
    /// A pessimistic estimate, in messages per second.
    private static let readingRate = 10_000.0

    /// - Parameters:
    ///   - depth: the number of messages in the queue.
    ///   - rate: the messages per second that the change may process; nil for no limit. A slow change holds the queue for
    ///     some seconds per round, or ten times as long as reading it takes.
    static func size(depth: Int, rate: Double? = nil) -> Int {
        guard let rate else { return max(fewest, depth / 3) }
        return max(1, Int(rate * max(2, Double(depth) / readingRate * 10)))
    }
}
