package import RuntimeSupport

/// Dead letters, counted by reason, by coupon and by cause.
package struct DeadLetterStatistics: Sendable {
    /// Some dead letters, counted.
    package struct Group: Sendable {
        package private(set) var count = 0
        /// When the first of them was dead-lettered.
        package private(set) var oldest: Timestamp?
        /// When the last of them was dead-lettered.
        package private(set) var newest: Timestamp?
        package private(set) var coupons: Set<String> = []
        /// The first one that was counted.
        package private(set) var example: DeadLetter?

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

    package private(set) var all = Group()
    /// The largest group first, as in the other lists.
    package let reasons: [(reason: String?, group: Group)]
    package let coupons: [(couponName: String?, group: Group)]
    package let causes: [(cause: ErrorGroup, group: Group)]

    package init(_ letters: [DeadLetter]) {
        var reasons: [String?: Group] = [:]
        var coupons: [String?: Group] = [:]
        var causes: [ErrorGroup: Group] = [:]
        // Thousands of messages have the same text, so each is folded once.
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
