/// When each request of an open-loop run is due: at a fixed rate, independent of the answers.
///
/// Times are nanoseconds since the start of the run.
struct ArrivalSchedule: Equatable {
    /// Requests per second.
    let rate: Double
    /// The number of requests of the whole run.
    let total: Int

    /// Creates a schedule that ends with a time or with a number of requests, whichever comes first.
    ///
    /// - Parameters:
    ///   - duration: in nanoseconds; requests are due before it has passed.
    ///   - count: the largest number of requests.
    init(rate: Double, duration: Int64?, count: Int?) {
        self.rate = rate
        let inTime = duration.map { $0 > 0 ? Self.due(by: $0 - 1, rate: rate) : 0 }
        total = min(inTime ?? .max, count ?? .max)
    }

    /// When a request is due.
    func time(of index: Int) -> Int64 { Self.time(of: index, rate: rate) }

    /// The number of requests that are due at a time or before it.
    func due(by time: Int64) -> Int { min(total, Self.due(by: time, rate: rate)) }

    private static func time(of index: Int, rate: Double) -> Int64 {
        Int64((Double(index) / rate * 1e9).rounded(.down))
    }

    private static func due(by time: Int64, rate: Double) -> Int {
        guard time >= 0 else { return 0 }
        // The division may round across a request's time, in each direction.
        var count = Int(Double(time) / 1e9 * rate) + 1
        while count > 0, Self.time(of: count - 1, rate: rate) > time { count -= 1 }
        while Self.time(of: count, rate: rate) <= time { count += 1 }
        return count
    }
}
