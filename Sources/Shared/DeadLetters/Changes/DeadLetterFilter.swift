package import RuntimeSupport

/// Selects dead letters by their fields. Fields that are nil do not matter; all others must match.
package struct DeadLetterFilter: Hashable, Sendable {
    package var reason: String?
    /// A coupon's name in its normal form.
    package var couponName: String?
    package var userID: String?
    /// Seconds since the message was dead-lettered.
    package var olderThan: Int?
    /// Seconds since the message was dead-lettered.
    package var newerThan: Int?

    package init(
        reason: String? = nil, couponName: String? = nil, userID: String? = nil, olderThan: Int? = nil,
        newerThan: Int? = nil
    ) {
        self.reason = reason
        self.couponName = couponName
        self.userID = userID
        self.olderThan = olderThan
        self.newerThan = newerThan
    }

    /// Whether no field is set, so that every message matches.
    package var isEmpty: Bool { self == DeadLetterFilter() }

    /// The fields that are set, in one line.
    var summary: String {
        let parts: [String?] = [
            reason.map { "reason=\($0)" }, couponName.map { "coupon=\($0)" }, userID.map { "user=\($0)" },
            olderThan.map { "older than \(TimeSpan.text($0))" }, newerThan.map { "newer than \(TimeSpan.text($0))" },
        ]
        return parts.compactMap(\.self).joined(separator: " ")
    }

    /// Whether a dead letter matches. One with an unknown time of death counts as older than all others.
    package func matches(_ letter: DeadLetter, at now: Timestamp) -> Bool {
        matches(
            reason: letter.reason, couponName: letter.couponName, userID: letter.userID, diedAt: letter.diedAt, at: now)
    }

    /// Whether a dead letter with these fields matches.
    func matches(
        reason: String?, couponName: String?, userID: String?, diedAt: Timestamp?, at now: Timestamp
    ) -> Bool {
        if let wanted = self.reason, reason != wanted { return false }
        if let wanted = self.couponName, couponName != wanted { return false }
        if let wanted = self.userID, userID != wanted { return false }
        let age = diedAt.map { now.seconds(since: $0) } ?? .infinity
        if let olderThan, age <= Double(olderThan) { return false }
        if let newerThan, age >= Double(newerThan) { return false }
        return true
    }
}
