import Claims
import Settings

/// What ClaimWorker can be told from the environment.
struct WorkerSettings: Sendable {
    var stores: StoreSettings
    var name: String
    var batch: Int
    var prefetch: Int
    var lock: LockSettings
    var retries: RetrySchedule
    /// Seconds.
    var heartbeat: Int
    var outagePatience: Duration

    static let workerName = Setting(
        "CLAIMS_WORKER_NAME", defaultValue: "worker", help: "shown in logs, errors and claimctl status")
    static let batchSize = Setting("CLAIMS_BATCH", defaultValue: "500", help: "claims decided in one transaction, at most")
    static let prefetchCount = Setting(
        "CLAIMS_PREFETCH", defaultValue: "1000", help: "claims a lane holds unacknowledged, at most; not below the batch")
    static let lockTTL = Setting(
        "CLAIMS_LOCK_TTL_MS", defaultValue: "20000", help: "milliseconds after which a coupon's lock ends by itself")
    static let lockWait = Setting(
        "CLAIMS_LOCK_WAIT_MS", defaultValue: "500", help: "milliseconds before a held lock is tried again")
    static let lockTries = Setting(
        "CLAIMS_LOCK_RETRIES", defaultValue: "3", help: "times a held lock is tried again before the attempt has failed")
    static let retryDelays = Setting(
        "CLAIMS_RETRY_DELAYS_MS", defaultValue: "500,5000,30000",
        help: "milliseconds before each retry of a failed claim; after the last one it is dead-lettered")
    static let heartbeatSeconds = Setting(
        "CLAIMS_HEARTBEAT_SECONDS", defaultValue: "5",
        help: "AMQP heartbeat; the broker takes a frozen worker's lanes away after two to three of them")
    static let patience = Setting(
        "CLAIMS_OUTAGE_PATIENCE_MS", defaultValue: "60000",
        help: "milliseconds that a lane holds its messages while a store is away, before it hands them back")

    static let all =
        StoreSettings.all
        + [
            workerName, batchSize, prefetchCount, lockTTL, lockWait, lockTries, retryDelays, heartbeatSeconds,
            patience,
        ] + LogSettings.all

    init(_ reader: SettingReader) throws(SettingError) {
        stores = try StoreSettings(reader)
        name = try reader.value(Self.workerName, mustBe: "1 to 64 characters without / and white space") { text in
            text.count <= 64 && !text.contains { $0 == "/" || $0.isWhitespace } ? text : nil
        }
        let batch = try reader.integer(Self.batchSize, in: 1...5000)
        self.batch = batch
        prefetch = try reader.integer(Self.prefetchCount, in: batch...Int(UInt16.max))
        lock = LockSettings(
            ttl: try reader.milliseconds(Self.lockTTL, in: 100...3_600_000),
            wait: try reader.milliseconds(Self.lockWait, in: 1...60_000),
            retries: try reader.integer(Self.lockTries, in: 0...1000))
        retries = try reader.value(
            Self.retryDelays, mustBe: "up to 10 numbers of milliseconds from 1 to 86400000, separated by commas",
            RetrySchedule.init)
        heartbeat = try reader.integer(Self.heartbeatSeconds, in: 1...60)
        outagePatience = try reader.milliseconds(Self.patience, in: 1000...1_200_000)
    }
}

/// How a coupon's lock is taken.
struct LockSettings: Sendable {
    /// After this it ends by itself.
    var ttl: Duration
    /// After this a held lock is tried again.
    var wait: Duration
    /// So often it is tried again; then the attempt has failed.
    var retries: Int
}
