import Admin
import Claims
import Settings
import Telemetry

/// The settings of ClaimWorker.
struct WorkerSettings: Sendable {
    var stores: StoreSettings
    var name: String
    /// The most claims that one transaction decides.
    var batch: Int
    /// The most unacknowledged claims of a lane.
    var prefetch: Int
    /// The most unacknowledged messages of a lane. Each may have ``ClaimMessage/maximumPerMessage`` claims.
    var messagePrefetch: UInt16 { UInt16(clamping: max(1, prefetch / ClaimMessage.maximumPerMessage)) }
    var lock: LockSettings
    var retries: RetrySchedule
    /// Seconds.
    var heartbeat: Int
    /// The longest time that a lane keeps its messages while a store is unavailable.
    var outagePatience: Duration
    var retention: RetentionSettings
    /// Nil for no admin listener.
    var admin: AdminSettings?
    /// Nil for no tracing.
    var tracing: TraceSettings?

    static let workerName = Setting(
        "CLAIMS_WORKER_NAME", defaultValue: "worker", help: "Worker name in logs, failed attempts and claimctl status")
    static let batchSize = Setting("CLAIMS_BATCH", defaultValue: "500", help: "Maximum claims per transaction")
    static let prefetchCount = Setting(
        "CLAIMS_PREFETCH", defaultValue: "16000",
        help: "Maximum unacknowledged claims per lane, in messages of up to 16; at least CLAIMS_BATCH")
    static let lockTTL = Setting(
        "CLAIMS_LOCK_TTL_MS", defaultValue: "20000", help: "Time to live of a coupon lock, in milliseconds")
    static let lockWait = Setting(
        "CLAIMS_LOCK_WAIT_MS", defaultValue: "500", help: "Delay before each retry of a held lock, in milliseconds")
    static let lockTries = Setting(
        "CLAIMS_LOCK_RETRIES", defaultValue: "3", help: "Maximum retries of a held lock per attempt")
    static let retryDelays = Setting(
        "CLAIMS_RETRY_DELAYS_MS", defaultValue: "500,5000,30000",
        help: "Delays before the retries of a failed claim, in milliseconds; dead letter after the last one")
    static let heartbeatSeconds = Setting(
        "CLAIMS_HEARTBEAT_SECONDS", defaultValue: "5",
        help: "AMQP heartbeat in seconds; loss of a frozen worker's lanes after two to three heartbeats")
    static let patience = Setting(
        "CLAIMS_OUTAGE_PATIENCE_MS", defaultValue: "60000",
        help: "Maximum time that a lane keeps its messages during an outage of a store, in milliseconds")

    static let all =
        StoreSettings.all
        + [
            workerName, batchSize, prefetchCount, lockTTL, lockWait, lockTries, retryDelays, heartbeatSeconds,
            patience, RetentionSettings.retentionDays, RetentionSettings.archiveDaysSetting,
        ] + AdminSettings.all + TraceSettings.all + LogSettings.all

    init(_ reader: SettingReader) throws(SettingError) {
        stores = try StoreSettings(reader)
        name = try reader.value(Self.workerName, mustBe: "1 to 64 characters without / and white space") { text in
            text.count <= 64 && !text.contains { $0 == "/" || $0.isWhitespace } ? text : nil
        }
        let batch = try reader.integer(Self.batchSize, in: 1...5000)
        self.batch = batch
        prefetch = try reader.integer(Self.prefetchCount, in: batch...100_000)
        lock = LockSettings(
            ttl: try reader.milliseconds(Self.lockTTL, in: 100...3_600_000),
            wait: try reader.milliseconds(Self.lockWait, in: 1...60_000),
            retries: try reader.integer(Self.lockTries, in: 0...1000))
        retries = try reader.value(
            Self.retryDelays, mustBe: "up to 10 numbers of milliseconds from 1 to 86400000, separated by commas",
            RetrySchedule.init)
        heartbeat = try reader.integer(Self.heartbeatSeconds, in: 1...60)
        outagePatience = try reader.milliseconds(Self.patience, in: 1000...1_200_000)
        retention = try RetentionSettings(reader)
        admin = try AdminSettings.read(reader)
        tracing = try TraceSettings.read(reader)
    }
}

/// How a coupon's lock is acquired.
struct LockSettings: Sendable {
    /// The time after which the lock expires.
    var ttl: Duration
    /// The time between two tries of a held lock.
    var wait: Duration
    /// How often a held lock is tried again before the attempt fails.
    var retries: Int
}
