import Broker
import Claims
import DeadLetters
import Foundation
import OrderedCollections
import RuntimeSupport
import Testing

/// The dead-letter queue: filled directly, and read with `claimctl dlq`.
enum DLQ {
    /// Publishes dead letters as a worker would, and stores their rows.
    ///
    /// - Parameters:
    ///   - ages: seconds since the claims were dead-lettered.
    ///   - error: returns the error message of the failed attempts, given the index of the claim.
    /// - Returns: the ids of the claims, in the order of `ages`.
    @discardableResult
    static func put(
        _ ages: [Int], of coupon: String, reason: String = "database_error",
        error: (Int) -> String = { "constraint violated for user \($0)" }
    ) throws -> [String] {
        let issuer = ClaimIDIssuer(secret: try #require(ProcessInfo.processInfo.environment["CLAIMS_ID_SECRET"]))
        let now = Timestamp.now().milliseconds
        var ids: [String] = []
        var messages: [BrokerMessage] = []
        for (number, age) in ages.enumerated() {
            let user = try #require(UserID("u\(number)"))
            let key = try #require(IdempotencyKey(headerValue: UUID().uuidString))
            let died = Timestamp(milliseconds: now - Int64(age) * 1000)
            let claim = ClaimMessage(
                id: issuer.id(user: user, key: key, at: .now()), userID: user,
                couponName: try #require(CouponName(coupon)),
                createdAt: Timestamp(milliseconds: died.milliseconds - 40_000))
            var message = BrokerMessage.claim(claim, encodedBy: .shared)
            for attempt in 1...4 {
                message = message.recording(
                    FailedAttempt(attempt: attempt, at: died, worker: "old", code: reason, message: error(number)))
            }
            messages.append(message.deadLettered(reason: reason, at: died))
            ids.append(claim.id.description)
        }
        try Database.script(
            """
            insert into claims (id, status, reason, user_id, coupon_name, attempts, created_at, decided_at)
            select d.id, 'dead_lettered', '\(reason)', 'u' || (d.n - 1), '\(coupon)', 4, now(), now() - interval '1 second'
            from unnest(array[\(ids.map { "'\($0)'" }.joined(separator: ","))]::text[]) with ordinality as d(id, n)
            """)
        try put(messages)
        return ids
    }

    /// Publishes messages unchanged.
    static func put(_ messages: [BrokerMessage]) throws {
        let publisher = try ConfirmedPublisher<Int>(
            anyOf: try Setup.stores().brokers, heartbeat: 30, name: "tests", confirmTimeout: .seconds(10))
        let outgoing = messages.map { OutgoingMessage($0, exchange: "", routingKey: "claims.dead") }
        let confirmed = try publisher.deliver(outgoing, numbered: false)
        publisher.close()
        guard confirmed.count == messages.count else {
            throw TestFailure(description: "the broker did not confirm all dead letters")
        }
    }

    /// Discards all messages, as an operator does.
    static func clear() async throws {
        let result = try await claimctl("dlq", "discard", "--all", "--yes")
        try #require(result.code == 0 || result.code == 2, "\(result)")
    }

    /// Returns what `claimctl dlq list` prints, oldest first.
    static func list(_ filters: String...) async throws -> [Line] {
        let result = try await Program.run("claimctl", ["dlq", "list", "--json"] + filters)
        try #require(result.code == 0, "\(result)")
        return try result.output.split(separator: "\n").map { try decode(Line.self, from: Data($0.utf8)) }
    }

    struct Line: Decodable, Hashable {
        let id, fingerprint: String
        let couponName, userId, reason, error, diedAt: String?
        let attempts: Int
    }

    /// Runs a command that prints one JSON document, and decodes it.
    static func document<Value: Decodable>(
        _ type: Value.Type, _ arguments: [String], code: Int32 = 0
    ) async throws -> Value {
        let result = try await Program.run("claimctl", ["dlq"] + arguments + ["--json"])
        try #require(result.code == code, "\(arguments): \(result)")
        return try decode(type, from: Data(result.output.utf8))
    }

    struct Replayed: Decodable {
        let replayed, decidedAnew, claimed, rejected, cancelled, decidedBefore, failedAgain, pending, unfollowed: Int
        let gone, superseded, waiting: Int
        let stopped: String?
    }

    /// Runs `claimctl dlq replay`.
    static func replay(_ arguments: String..., code: Int32 = 0) async throws -> Replayed {
        try await document(Replayed.self, ["replay"] + arguments, code: code)
    }

    struct Plan: Decodable {
        let digest: String
        let count: Int
        let messages: [Line]
    }
}
