package import RuntimeSupport

/// The statistics of the dead-letter queue, as JSON.
package struct StatisticsDocument: Encodable, Sendable {
    /// A group in one of the lists. The fields that identify it are null if unknown, and absent in the other lists.
    private struct Group: Encodable {
        var reason: String??
        var couponName: String??
        var error: String??
        let count: Int
        let coupons: Int
        let oldest: Timestamp?
        let newest: Timestamp?
        let exampleID: String?

        enum CodingKeys: String, CodingKey {
            case reason
            case couponName = "coupon_name"
            case error, count, coupons
            case oldest = "oldest_died_at"
            case newest = "newest_died_at"
            case exampleID = "example_id"
        }

        init(_ group: DeadLetterStatistics.Group) {
            count = group.count
            coupons = group.coupons.count
            oldest = group.oldest
            newest = group.newest
            exampleID = group.example?.id
        }
    }

    private let count: Int
    private let oldest: Timestamp?
    private let oldestAge: Int?
    private let reasons: [Group]
    private let coupons: [Group]
    private let causes: [Group]

    private enum CodingKeys: String, CodingKey {
        case count, causes
        case reasons = "by_reason"
        case coupons = "by_coupon"
        case oldest = "oldest_died_at"
        case oldestAge = "oldest_age_seconds"
    }

    /// Encodes unknown times as null, so that every field is present.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(count, forKey: .count)
        try container.encode(oldest, forKey: .oldest)
        try container.encode(oldestAge, forKey: .oldestAge)
        try container.encode(reasons, forKey: .reasons)
        try container.encode(coupons, forKey: .coupons)
        try container.encode(causes, forKey: .causes)
    }

    package init(_ statistics: DeadLetterStatistics, now: Timestamp) {
        count = statistics.all.count
        oldest = statistics.all.oldest
        oldestAge = statistics.all.oldest.map { max(0, Int(now.seconds(since: $0))) }
        reasons = statistics.reasons.map { reason, group in
            var shown = Group(group)
            shown.reason = .some(reason)
            return shown
        }
        coupons = statistics.coupons.map { coupon, group in
            var shown = Group(group)
            shown.couponName = .some(coupon)
            return shown
        }
        causes = statistics.causes.map { cause, group in
            var shown = Group(group)
            shown.reason = .some(cause.reason)
            shown.error = .some(cause.error)
            return shown
        }
    }
}

/// The state of the dead-letter queue at one moment. Encodes as JSON for a program that follows the queue.
package struct QueueSnapshot: Encodable, Sendable {
    private struct Cause: Encodable {
        let count: Int
        let reason: String?
        let error: String?
    }

    package let at: Timestamp
    package var depth: Int { statistics.all.count }
    /// Messages that were dead-lettered in the last 60 seconds.
    package private(set) var arrivals = 0
    package private(set) var statistics = DeadLetterStatistics()
    private static let causeLimit = 10

    package init(at now: Timestamp) {
        at = now
    }

    /// Counts one more message of the queue.
    package mutating func add(_ letter: DeadLetter) {
        statistics.add(letter)
        if let age = letter.age(at: at), age < 60 { arrivals += 1 }
    }

    private enum CodingKeys: String, CodingKey {
        case at, depth, causes
        case arrivals = "arrivals_per_minute"
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(at, forKey: .at)
        try container.encode(depth, forKey: .depth)
        try container.encode(arrivals, forKey: .arrivals)
        let causes = statistics.causes.prefix(Self.causeLimit).map { cause, group in
            Cause(count: group.count, reason: cause.reason, error: cause.error)
        }
        try container.encode(causes, forKey: .causes)
    }
}
