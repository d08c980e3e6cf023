package import Broker
package import Postgres
package import Redis
package import Settings

/// The addresses of the three stores, and the settings that all programs share.
package struct StoreSettings: Sendable {
    package var database: PostgresAddress
    package var redis: RedisAddress
    package var brokers: [BrokerAddress]
    package var lanes: Int

    package static let databaseURL = Setting(
        "DATABASE_URL", isSecret: true, help: "URL of PostgreSQL: postgres://user:password@host:port/database")
    package static let redisURL = Setting(
        "REDIS_URL", isSecret: true, help: "URL of Redis: redis://[:password@]host:port/database")
    package static let brokerURLs = Setting(
        "AMQP_URL", isSecret: true,
        help: "URL of RabbitMQ: amqp[s]://user:password@host:port/vhost; URLs of a cluster are separated by commas")
    package static let laneCount = Setting(
        "CLAIMS_LANES", defaultValue: "8",
        help: "Number of lanes (work queues), as stored by the first program that started; see claimctl lanes")

    /// The most lanes.
    package static let laneLimit = 256

    package static let all = [databaseURL, redisURL, brokerURLs, laneCount]

    package init(database: PostgresAddress, redis: RedisAddress, brokers: [BrokerAddress], lanes: Int) {
        self.database = database
        self.redis = redis
        self.brokers = brokers
        self.lanes = lanes
    }

    package init(_ reader: SettingReader) throws(SettingError) {
        database = try Self.database(reader)
        redis = try Self.redis(reader)
        brokers = try Self.brokers(reader)
        lanes = try reader.integer(Self.laneCount, in: 1...Self.laneLimit)
    }

    /// Reads only `DATABASE_URL`.
    package static func database(_ reader: SettingReader) throws(SettingError) -> PostgresAddress {
        try reader.value(
            databaseURL,
            mustBe: "a URL like postgres://user:password@host:port/database, with options that libpq knows and special "
                + "characters of user and password percent-encoded", PostgresAddress.init(url:))
    }

    /// Reads only `REDIS_URL`.
    package static func redis(_ reader: SettingReader) throws(SettingError) -> RedisAddress {
        if try reader.text(redisURL).hasPrefix("rediss://") {
            throw SettingError(
                description: """
                    \(redisURL.name): rediss:// is not supported, because the programs are built with hiredis without TLS; \
                    run a TLS tunnel such as stunnel next to the program and set redis:// with the tunnel's address
                    """)
        }
        return try reader.value(
            redisURL, mustBe: "a URL like redis://:password@host:port/0 without a query,", RedisAddress.init(url:))
    }

    /// Reads only `AMQP_URL`.
    package static func brokers(_ reader: SettingReader) throws(SettingError) -> [BrokerAddress] {
        try reader.value(
            brokerURLs,
            mustBe: """
                one or more URLs like amqp://user:password@host:port/vhost, separated by commas, an amqps:// one with no \
                other parameters than cacert, cert and key,
                """,
            BrokerAddress.list)
    }
}
