import Synchronization

extension Rush {
    /// Which users have claimed, and with what success.
    final class Sent: Sendable {
        private struct State {
            var next = 0
            var accepted: [Int]
            var failures: [String: Int] = [:]
            var isOver = false
        }

        private let all: Int
        private let coupons: Int
        private let state: Mutex<State>

        init(users: Int, coupons: Int) {
            all = users
            self.coupons = coupons
            state = Mutex(State(accepted: Array(repeating: 0, count: coupons)))
        }

        /// The number of users who claim a coupon. Users choose the coupons in turn.
        func users(of coupon: Int) -> Int { all / coupons + (coupon < all % coupons ? 1 : 0) }

        /// Returns the next user; nil if all have claimed.
        func takeUser() -> Int? {
            state.withLock { state in
                guard state.next < all else { return nil }
                defer { state.next += 1 }
                return state.next
            }
        }

        /// Counts a claim.
        ///
        /// - Parameter problem: why it was given up; nil if it was accepted.
        func add(_ problem: String?, to coupon: Int) {
            state.withLock { state in
                if let problem { state.failures[problem, default: 0] += 1 } else { state.accepted[coupon] += 1 }
            }
        }

        /// Declares that all users have claimed.
        func end() { state.withLock { $0.isOver = true } }

        var isOver: Bool { state.withLock { $0.isOver } }

        /// Whether all claims for a coupon are sent and have an outcome.
        func areAllDecided(_ decided: Int, of coupon: Int) -> Bool {
            state.withLock { $0.isOver && decided >= $0.accepted[coupon] }
        }

        var counts: (accepted: Int, failures: [String: Int]) {
            state.withLock { ($0.accepted.reduce(0, +), $0.failures) }
        }
    }
}
