import DeadLetters
import Foundation
import RuntimeSupport
import Synchronization

/// Many users who claim a few coupons at the same time, through ClaimAPI.
struct Rush: Sendable {
    /// What happened.
    struct Result: Sendable {
        var coupons: [String] = []
        var users = 0
        /// The coupons that could be got.
        var available = 0
        /// Claims with a 202.
        var accepted = 0
        /// Problems of requests that were given up, with their number.
        var failures: [String: Int] = [:]
        /// Seconds until the last 202.
        var acceptedSeconds = 0.0
        /// Seconds until the last outcome.
        var seconds = 0.0
        /// The decided claims by status.
        var outcomes: [String: Int] = [:]
        /// What the quotas of the coupons say: how many were given out.
        var givenOut = 0
    }

    let api: APIClient
    let users: Int
    let amount: Int
    let coupons: Int
    let connections: Int
    let progress: @Sendable (OperatorSession.Progress) -> Void

    /// Requests that were refused are sent again with the same key, for so many times.
    private static let tries = 60
    private static let pause = Duration.milliseconds(500)
    /// The longest wait for the next outcome.
    private static let patience = Duration.seconds(60)

    func run() async throws -> Result {
        var result = Result()
        result.users = users
        let stamp = String(Timestamp.now().milliseconds, radix: 36).uppercased()
        for number in 1...coupons {
            let name = coupons == 1 ? "RUSH_\(stamp)" : "RUSH_\(stamp)_\(number)"
            let answer = try await api.send(
                "POST", "/coupons", body: Data(#"{"name":"\#(name)","amount":\#(amount)}"#.utf8))
            guard answer.status == 201 else { throw Failure.failed(answer.problem) }
            result.coupons.append(name)
        }
        result.available = (0..<coupons).reduce(0) { sum, coupon in
            // Users choose the coupons in turn.
            sum + min(amount, users / coupons + (coupon < users % coupons ? 1 : 0))
        }
        let begin = ContinuousClock.now
        (result.accepted, result.failures) = await send(to: result.coupons)
        result.acceptedSeconds = Self.rounded(ContinuousClock.now - begin)
        try await follow(&result)
        result.seconds = Self.rounded(ContinuousClock.now - begin)
        return result
    }

    // MARK: Sending

    private struct Sent: Sendable {
        var next = 0
        var accepted = 0
        var failures: [String: Int] = [:]

        /// Returns the next user; nil if all have claimed.
        mutating func takeUser(of count: Int) -> Int? {
            guard next < count else { return nil }
            defer { next += 1 }
            return next
        }
    }

    private func send(to names: [String]) async -> (accepted: Int, failures: [String: Int]) {
        let state = Mutex(Sent())
        await withTaskGroup { group in
            for _ in 0..<min(connections, users) {
                group.addTask { @Sendable in
                    while let user = state.withLock({ $0.takeUser(of: users) }) {
                        let problem = await claim(names[user % names.count], for: user)
                        let done = state.withLock { state in
                            if let problem { state.failures[problem, default: 0] += 1 } else { state.accepted += 1 }
                            return state.accepted + state.failures.values.reduce(0, +)
                        }
                        progress(.init(.claiming, done: done, total: users))
                    }
                }
            }
        }
        return state.withLock { ($0.accepted, $0.failures) }
    }

    /// Claims a coupon. Returns the problem if the claim was given up.
    private func claim(_ name: String, for user: Int) async -> String? {
        let body = Data(#"{"user_id":"user-\#(user)","coupon_name":"\#(name)"}"#.utf8)
        var last = ""
        for attempt in 0..<Self.tries {
            if attempt > 0 { try? await Task.sleep(for: Self.pause) }
            do {
                let answer = try await api.send(
                    "POST", "/claims", headers: [("Idempotency-Key", "\(name)-\(user)")], body: body)
                if answer.status == 202 { return nil }
                last = answer.problem
                // Only overload and outages pass.
                guard answer.status == 429 || answer.status >= 500 else { return last }
            } catch {
                last = (error as? Failure)?.message ?? "\(error)"
            }
        }
        return last
    }

    // MARK: Outcomes

    private struct Page: Decodable {
        struct Claim: Decodable { let status: String }
        let claims: [Claim]
        let next_cursor: String?
    }

    /// Counts the outcomes as they are decided, until all are.
    private func follow(_ result: inout Result) async throws {
        for name in result.coupons {
            try await follow(name, &result)
            struct Quota: Decodable { let amount, remaining_amount: Int }
            let answer = try await api.send("GET", "/coupons/\(name)")
            guard answer.status == 200 else { throw Failure.failed(answer.problem) }
            let quota = try JSONDecoder().decode(Quota.self, from: answer.body)
            result.givenOut += quota.amount - quota.remaining_amount
        }
    }

    private func follow(_ name: String, _ result: inout Result) async throws {
        let number = result.coupons.firstIndex(of: name) ?? 0
        let expected = users / coupons + (number < users % coupons ? 1 : 0)
        var cursor: String?
        /// The claims of the last page, which is read again until it is full.
        var (seen, counted) = (0, 0)
        var lastChange = ContinuousClock.now
        while counted < expected, ContinuousClock.now - lastChange < Self.patience {
            let query = cursor.map {
                "&cursor=\($0.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? $0)"
            }
            let answer = try await api.send("GET", "/coupons/\(name)/claims?limit=500\(query ?? "")")
            guard answer.status == 200 else {
                try await Task.sleep(for: Self.pause)
                continue
            }
            let page = try JSONDecoder().decode(Page.self, from: answer.body)
            for claim in page.claims.dropFirst(seen) {
                result.outcomes[claim.status, default: 0] += 1
                counted += 1
                lastChange = .now
            }
            progress(.init(.deciding, done: result.outcomes.values.reduce(0, +), total: users))
            if let next = page.next_cursor {
                (cursor, seen) = (next, 0)
            } else {
                seen = page.claims.count
                if counted < expected { try await Task.sleep(for: .milliseconds(100)) }
            }
        }
    }

    private static func rounded(_ time: Duration) -> Double { (time.inSeconds * 100).rounded() / 100 }
}
