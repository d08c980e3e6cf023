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
        /// The one that was dead-lettered first.
        package private(set) var example: DeadLetter?

        fileprivate mutating func add(_ letter: DeadLetter) {
            count += 1
            if let died = letter.diedAt {
                oldest = min(oldest ?? died, died)
                newest = max(newest ?? died, died)
            }
            if let coupon = letter.couponName { coupons.insert(coupon) }
            if let known = example, DeadLetter.diedBefore(known, letter) { return }
            example = letter
        }
    }

    package private(set) var all = Group()
    private var groupsByReason: [String?: Group] = [:]
    private var groupsByCoupon: [String?: Group] = [:]
    private var groupsByCause: [ErrorGroup: Group] = [:]
    /// Thousands of messages have the same text, so each is folded once. Texts that are all different are not kept.
    private var folded: [String: String] = [:]
    private static let foldedLimit = 10_000

    package init() {}

    package init(_ letters: some Sequence<DeadLetter>) {
        for letter in letters { add(letter) }
    }

    /// Counts one more dead letter. The order does not matter.
    package mutating func add(_ letter: DeadLetter) {
        all.add(letter)
        groupsByReason[letter.reason, default: Group()].add(letter)
        groupsByCoupon[letter.couponName, default: Group()].add(letter)
        let error = letter.error.map { fold($0) }
        groupsByCause[ErrorGroup(reason: letter.reason, error: error), default: Group()].add(letter)
    }

    private mutating func fold(_ text: String) -> String {
        if let known = folded[text] { return known }
        if folded.count >= Self.foldedLimit { folded = [:] }
        let error = ErrorGroup.folded(text)
        folded[text] = error
        return error
    }

    /// The largest group first, as in the other lists.
    package var reasons: [(reason: String?, group: Group)] {
        groupsByReason.map { ($0.key, $0.value) }.sorted {
            ($1.group.count, $0.reason ?? "") < ($0.group.count, $1.reason ?? "")
        }
    }

    package var coupons: [(couponName: String?, group: Group)] {
        groupsByCoupon.map { ($0.key, $0.value) }.sorted {
            ($1.group.count, $0.couponName ?? "") < ($0.group.count, $1.couponName ?? "")
        }
    }

    package var causes: [(cause: ErrorGroup, group: Group)] {
        groupsByCause.map { ($0.key, $0.value) }.sorted {
            ($1.group.count, $0.cause.reason ?? "", $0.cause.error ?? "")
                < ($0.group.count, $1.cause.reason ?? "", $1.cause.error ?? "")
        }
    }
}
