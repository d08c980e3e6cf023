import Broker
import Claims
import Foundation
import OrderedCollections
import Postgres
import Redis
import Testing

/// The database, accessed with the role of the system.
enum Database {
    /// Returns the first columns of the result of a statement, as text.
    static func rows(_ sql: String, columns: Int, _ parameters: PostgresParameter...) throws -> [[String?]] {
        let rows = try connection().execute(sql, parameters)
        return (0..<rows.count).map { row in (0..<columns).map { rows.text(row, $0) } }
    }

    /// Returns the number that a statement selects.
    static func number(_ sql: String, _ parameters: PostgresParameter...) throws -> Int {
        try #require(try connection().execute(sql, parameters).integer(0, 0))
    }

    /// Runs several statements.
    static func script(_ sql: String) throws {
        try connection().script(sql)
    }

    /// Deletes all coupons and claims, so that the audit after each test reads those of one suite only.
    static func empty() throws {
        try script("truncate coupons, eligible_users, claims, user_claims, dead_letter_plans, dead_letter_archive")
    }

    /// Ends the sessions whose application name matches.
    static func endSessions(of pattern: String) throws {
        _ = try connection().execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name like $1", [.text(pattern)])
    }

    static func connection() throws -> PostgresConnection {
        try PostgresConnection(try Setup.stores().database, name: "tests")
    }
}

/// Redis, one command at a time.
enum Cache {
    @discardableResult
    static func send(_ command: String...) throws -> RedisReply {
        try RedisConnection(try Setup.stores().redis, timeout: .seconds(5)).send(command)
    }

    /// The locks that are held, by coupon.
    static func locks() throws -> [String: String] {
        let keys = try send("KEYS", "claim:coupon:*").array?.compactMap(\.string) ?? []
        return Dictionary(
            uniqueKeysWithValues: try keys.compactMap { key in
                try send("GET", key).string.map { (String(key.dropFirst("claim:coupon:".count)), $0) }
            })
    }
}

/// The broker, accessed directly.
enum RabbitMQ {
    static func connection() throws -> AMQPConnection {
        // A busy broker may answer too late.
        for _ in 1...2 { if let connection = try? connect() { return connection } }
        return try connect()
    }

    private static func connect() throws -> AMQPConnection {
        let connection = try AMQPConnection(try Setup.stores().brokers[0], heartbeat: 30, name: "tests")
        try connection.openChannel(1)
        return connection
    }

    /// Returns the number of ready messages in a queue.
    static func depth(_ queue: String) throws -> Int {
        try connection().depth(of: queue, channel: 1)?.messages ?? 0
    }

    /// Publishes a message to a lane and waits for the confirm.
    static func publish(_ message: BrokerMessage, lane: Int) throws {
        let connection = try connection()
        try connection.selectConfirms(channel: 1)
        try connection.publish(message, exchange: "claims", routingKey: String(lane), channel: 1)
        guard case .confirmed = try connection.nextEvent(atMost: .seconds(5)) else {
            throw TestFailure(description: "the broker did not confirm the message")
        }
    }

    /// Publishes a message, by default an empty one, to a queue and waits for the confirm.
    static func publishDirectly(
        _ message: BrokerMessage = BrokerMessage(properties: MessageProperties(), body: []), to queue: String
    ) throws {
        let connection = try connection()
        try connection.selectConfirms(channel: 1)
        try connection.publish(message, exchange: "", routingKey: queue, channel: 1)
        guard case .confirmed = try connection.nextEvent(atMost: .seconds(5)) else {
            throw TestFailure(description: "the broker did not confirm the message")
        }
    }

    /// Returns the messages in the dead-letter queue. Closing the connection returns them to the queue.
    static func dead() throws -> [BrokerMessage] {
        let connection = try connection()
        try connection.consume("claims.dead", prefetch: .max, channel: 1)
        // An earlier reader returns its messages when its consumer ends, and a busy queue reports no reliable depth.
        let other = try Self.connection()
        let deadline = ContinuousClock.now + .seconds(30)
        while let depth = try other.depth(of: "claims.dead", channel: 1), depth != (messages: 0, consumers: 1) {
            guard ContinuousClock.now < deadline else {
                throw TestFailure(description: "claims.dead has another consumer")
            }
        }
        // This reply arrives after all deliveries.
        _ = try connection.depth(of: "claims.dead", channel: 1)
        var messages: [BrokerMessage] = []
        while let event = try connection.nextEvent() {
            if case .delivered(let delivery, _) = event { messages.append(delivery.message) }
        }
        connection.close()
        return messages
    }

    /// Waits for the dead letter of a claim. The status of the claim changes shortly before its message arrives.
    static func deadLetter(_ id: String) async throws -> BrokerMessage {
        try await eventually("the dead letter of \(id)") { try dead(id) }
    }

    /// Returns the dead letter of a claim; nil if there is none.
    static func dead(_ id: String) throws -> BrokerMessage? {
        try dead().first { $0.properties.messageID == id }
    }
}
