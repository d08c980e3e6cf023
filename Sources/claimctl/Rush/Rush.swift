import Foundation
import RuntimeSupport

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

    let client: RushClient
    let users: Int
    let amount: Int
    let coupons: Int
    /// The requests at the same time.
    let parallel: Int
    let bar: RushBar

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
            let answer = try await client.send("POST", "/coupons", body: #"{"name":"\#(name)","amount":\#(amount)}"#)
            guard answer.status == 201 else { throw Failure.failed(answer.problem) }
            result.coupons.append(name)
        }
        let sent = Sent(users: users, coupons: coupons)
        result.available = (0..<coupons).reduce(0) { $0 + min(amount, sent.users(of: $1)) }
        let begin = ContinuousClock.now
        let names = result.coupons
        async let sending = send(to: names, sent)
        let outcomes = try await outcomes(of: names, sent)
        let end = await sending
        result.outcomes = outcomes
        result.seconds = Self.rounded(ContinuousClock.now - begin)
        result.acceptedSeconds = Self.rounded(end - begin)
        (result.accepted, result.failures) = sent.counts
        result.givenOut = try await givenOut(names)
        return result
    }

    // MARK: Sending

    /// Sends the claims of all users, and returns the time of the last answer.
    private func send(to names: [String], _ sent: Sent) async -> ContinuousClock.Instant {
        await withTaskGroup { group in
            for _ in 0..<min(parallel, users) {
                group.addTask { @Sendable in
                    while let user = sent.takeUser() {
                        let coupon = user % names.count
                        let problem = await claim(names[coupon], for: user)
                        sent.add(problem, to: coupon)
                        if problem == nil { bar.add(accepted: 1) }
                    }
                }
            }
        }
        sent.end()
        return .now
    }

    /// Claims a coupon. Returns the problem if the claim was given up.
    private func claim(_ name: String, for user: Int) async -> String? {
        let body = #"{"user_id":"user-\#(user)","coupon_name":"\#(name)"}"#
        var last = ""
        for attempt in 0..<Self.tries {
            if attempt > 0 { try? await Task.sleep(for: Self.pause) }
            do {
                let answer = try await client.send(
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

    /// Counts the outcomes by status as they are decided, until all accepted claims have one.
    private func outcomes(of names: [String], _ sent: Sent) async throws -> [String: Int] {
        var outcomes: [String: Int] = [:]
        for (coupon, name) in names.enumerated() {
            var cursor: String?
            /// The claims of the last page, which is read again until it is full.
            var (seen, counted) = (0, 0)
            var lastChange = ContinuousClock.now
            while !sent.areAllDecided(counted, of: coupon), ContinuousClock.now - lastChange < Self.patience {
                let query = cursor.map {
                    "&cursor=\($0.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? $0)"
                }
                let answer = try await client.send("GET", "/coupons/\(name)/claims?limit=500\(query ?? "")")
                guard answer.status == 200 else {
                    try await Task.sleep(for: Self.pause)
                    continue
                }
                let page = try JSONDecoder().decode(Page.self, from: answer.body)
                let new = page.claims.dropFirst(seen)
                for claim in new { outcomes[claim.status, default: 0] += 1 }
                counted += new.count
                bar.add(decided: new.count)
                if !new.isEmpty || !sent.isOver { lastChange = .now }
                if let next = page.next_cursor {
                    (cursor, seen) = (next, 0)
                } else {
                    seen = page.claims.count
                    try await Task.sleep(for: .milliseconds(100))
                }
            }
        }
        return outcomes
    }

    /// What the quotas of the coupons say: how many were given out.
    private func givenOut(_ names: [String]) async throws -> Int {
        struct Quota: Decodable { let amount, remaining_amount: Int }
        var sum = 0
        for name in names {
            let answer = try await client.send("GET", "/coupons/\(name)")
            guard answer.status == 200 else { throw Failure.failed(answer.problem) }
            let quota = try JSONDecoder().decode(Quota.self, from: answer.body)
            sum += quota.amount - quota.remaining_amount
        }
        return sum
    }

    private static func rounded(_ time: Duration) -> Double { (time.inSeconds * 100).rounded() / 100 }
}
