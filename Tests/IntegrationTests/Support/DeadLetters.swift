import Broker
import Claims
import DeadLetters
import Foundation
import OrderedCollections
import RuntimeSupport
import Testing

/// The dead-letter queue, as tests fill it and look at it.
enum DeadLetters {
    /// Puts claims there that look as if a worker had given them up, with their rows.
    ///
    /// - Parameters:
    ///   - ages: seconds since each one's death.
    ///   - error: what each attempt said, for a claim's number.
    /// - Returns: the claims' ids, in the order of the ages given.
    @discardableResult
    static func put(
        _ ages: [Int], of coupon: String, reason: String = "database_error",
        error: (Int) -> String = { "the server has a cold, says user \($0)" }
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
                id: issuer.id(user: user, key: key), userID: user, couponName: try #require(CouponName(coupon)),
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

    /// Puts messages there as they are.
    static func put(_ messages: [BrokerMessage]) throws {
        let connection = try Broker.connection()
        try connection.selectConfirms(channel: 1)
        var ledger = ConfirmLedger<Void>()
        for message in messages {
            _ = ledger.publish(messageID: nil, deadline: .now, waiter: ())
            try connection.publish(message, exchange: "", routingKey: "claims.dead", channel: 1)
        }
        while ledger.count > 0 {
            guard case .confirmed(let tag, let multiple) = try connection.nextEvent(atMost: .seconds(10)) else {
                throw Waited(description: "the broker did not confirm all dead letters")
            }
            _ = ledger.settle(tag: tag, multiple: multiple, confirmed: true)
        }
    }

    /// Empties it by the means that operators have.
    static func clear() async throws {
        let result = try await claimctl("dlq", "discard", "--all", "--yes")
        try #require(result.code == 0 || result.code == 2, "\(result)")
    }

    /// What `claimctl dlq list` shows, oldest first.
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

    /// Runs a command that prints one document, and reads it.
    static func document<Value: Decodable>(
        _ type: Value.Type, _ arguments: [String], code: Int32 = 0
    ) async throws -> Value {
        let result = try await Program.run("claimctl", ["dlq"] + arguments + ["--json"])
        try #require(result.code == code, "\(arguments): \(result)")
        return try decode(type, from: Data(result.output.utf8))
    }

    struct Replayed: Decodable {
        let replayed, decidedAnew, claimed, rejected, decidedBefore, failedAgain, pending, unfollowed: Int
        let gone, superseded: Int
        let stopped: String?
    }

    static func replay(_ arguments: String..., code: Int32 = 0) async throws -> Replayed {
        try await document(Replayed.self, ["replay"] + arguments, code: code)
    }

    struct Plan: Decodable {
        let digest: String
        let count: Int
        let messages: [Line]
    }
}
