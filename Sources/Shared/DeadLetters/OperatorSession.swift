package import Broker
package import Claims
package import Postgres
internal import Redis

/// Who works with the dead-letter queue or audits, on which stores, and how that operator is kept informed.
package struct OperatorSession: Sendable {
    /// How far a long operation is.
    package struct Progress: Hashable, Sendable {
        package enum Activity: String, Hashable, Sendable {
            /// Reading the dead-letter queue.
            case reading
            case replaying
            /// Waiting for the outcomes of replayed claims.
            case outcomes
            case discarding, restoring, exporting
            /// Reading all rows; counted in pages.
            case auditing
            /// Comparing the claims that Redis knows with the rows.
            case comparing
            /// Publishing lost claims again.
            case requeueing
        }

        package let activity: Activity
        package let done: Int
        package let total: Int

        package init(_ activity: Activity, done: Int, total: Int) {
            self.activity = activity
            self.done = done
            self.total = total
        }
    }

    package let stores: StoreSettings
    /// The operator's name, recorded with every change.
    package let operatorName: String
    /// Names the connections to the broker and to PostgreSQL, for example `claimctl dlq`.
    package let connectionName: String
    /// The heartbeat timeout of the connections to the broker, in seconds.
    let heartbeat: Int
    /// The longest wait for another operator who has the dead-letter queue open; nil to wait until it is closed.
    let patience: Duration?
    /// Is told what delays an operation, in one sentence.
    package let notice: @Sendable (String) -> Void
    /// Is told how far an operation is, up to thousands of times per second.
    package let progress: @Sendable (Progress) -> Void

    package init(
        _ stores: StoreSettings, operatorName: String, connectionName: String, heartbeat: Int = 60,
        patience: Duration? = nil, notice: @escaping @Sendable (String) -> Void = { _ in },
        progress: @escaping @Sendable (Progress) -> Void = { _ in }
    ) {
        self.stores = stores
        self.operatorName = operatorName
        self.connectionName = connectionName
        self.heartbeat = heartbeat
        self.patience = patience
        self.notice = notice
        self.progress = progress
    }

    /// Connects to PostgreSQL, with timeouts for statements over long lists.
    package func postgres() throws(PostgresError) -> PostgresConnection {
        let connection = try PostgresConnection(
            stores.database, name: connectionName,
            timeouts: .init(lock: .seconds(10), statement: .seconds(120), answer: .seconds(150)))
        // Replays choose the lane of each claim.
        try Schema.check(connection)
        try LaneCount.check(stores.lanes, storesFirst: false, on: connection)
        return connection
    }

    /// Connects to Redis; nil if it can't be reached.
    func redis() -> RedisConnection? {
        try? RedisConnection(stores.redis, timeout: .seconds(2))
    }

    /// Stores the result of an audit; not if Redis can't be reached.
    package func store(_ audit: LastAudit, as kind: LastAudit.Kind) {
        try? redis()?.send(audit.storing(as: kind))
    }

    /// Connects to the broker to consume.
    package func broker() throws(BrokerError) -> AMQPConnection {
        let connection = try AMQPConnection(anyOf: stores.brokers, heartbeat: heartbeat, name: connectionName)
        // A long queue does not answer while it takes back the messages of the last reader.
        connection.setResponseTimeout(seconds: 60)
        return connection
    }

    /// Connects to the broker to publish.
    package func publisher() throws(BrokerError) -> ConfirmedPublisher<Int> {
        try ConfirmedPublisher(
            anyOf: stores.brokers, heartbeat: heartbeat, name: "\(connectionName) publisher",
            confirmTimeout: .seconds(10))
    }

    /// How often long work sends and checks heartbeats.
    var keepAliveInterval: Duration { .seconds(heartbeat) / 6 }
}

extension OutgoingMessage {
    /// A message on its way into the dead-letter queue.
    static func toDeadLetters(_ message: BrokerMessage) -> OutgoingMessage {
        OutgoingMessage(message, exchange: "", routingKey: Topology.deadQueue)
    }

    /// A message on its way to a lane.
    package static func toLane(_ lane: Int, _ message: BrokerMessage) -> OutgoingMessage {
        OutgoingMessage(message, exchange: Topology.workExchange, routingKey: Topology.routingKey(lane: lane))
    }
}
