import Claims
import Logging
import Metrics
import Postgres
import RuntimeSupport
import ServiceLifecycle

/// Archives the claims of coupons that ended before the retention period, and later deletes them.
///
/// Each worker runs one, and one of them works at a time. After each batch it pauses for as long as the batch took, so that
/// it never takes more than half of one database connection's time.
final class Archiver: Service {
    private let settings: WorkerSettings
    private let days: Int
    private let logger: Logger
    private let stop = StopSignal()
    private let archived = Counter(label: "claims.archived")
    private let dropped = Counter(label: "claims.archive.deletions")
    /// The time between two passes over all coupons.
    private let interval: Duration
    private static let page = 100

    /// - Parameters:
    ///   - days: the retention period.
    ///   - interval: the time between two passes.
    init(_ settings: WorkerSettings, days: Int, interval: Duration = .seconds(600), logger: Logger) {
        self.settings = settings
        self.days = days
        self.interval = interval
        self.logger = logger
    }

    func run() async throws {
        await BlockingThread.run(name: "archiver", until: stop) { self.work() }
    }

    private func work() {
        stop.retrying(backoff: Backoff(longest: .seconds(60))) { connected in
            let connection = try PostgresConnection(
                settings.stores.database, name: "ClaimWorker \(settings.name) archiver")
            let archive = ClaimArchive(connection, days: days)
            connected()
            while !stop.isRequested {
                if try archive.lock() { try pass(archive) }
                stop.wait(atMost: interval)
            }
        } onFailure: { error, pause in
            logger.warning("archiving failed, retrying", metadata: ["error": "\(error)", "retry.after": "\(pause)"])
        }
    }

    /// Archives and deletes all that is due.
    private func pass(_ archive: ClaimArchive) throws(PostgresError) {
        var count = 0
        var id = 0
        while !stop.isRequested {
            let coupons = try archive.dueCoupons(after: id, limit: Self.page)
            guard let last = coupons.last else { break }
            for coupon in coupons where !stop.isRequested { count += try archiveClaims(of: coupon, archive) }
            id = last.id
        }
        count += try moveClaims(of: nil, archive)
        var name = ""
        while !stop.isRequested {
            let names = try archive.couponNames(after: name, limit: Self.page)
            guard let last = names.last else { break }
            for (name, exists) in names where !exists { count += try moveClaims(of: name, archive) }
            name = last.name
        }
        let deleted = try repeated { () throws(PostgresError) in try archive.drop(after: settings.retention.archiveDays)
        }
        dropped.increment(by: deleted)
        guard count + deleted > 0 else { return }
        logger.info("archived claims", metadata: ["claims.archived": "\(count)", "claims.deleted": "\(deleted)"])
    }

    private func archiveClaims(of coupon: ClaimArchive.DueCoupon, _ archive: ClaimArchive) throws(PostgresError) -> Int
    {
        var count = try moveClaims(of: coupon.name, archive)
        var user: String?
        while !stop.isRequested {
            let start = ContinuousClock.now
            let (moved, lastUser) = try archive.moveHolders(of: coupon, after: user)
            archived.increment(by: moved)
            count += moved
            guard let lastUser else { break }
            user = lastUser
            stop.wait(atMost: .now - start)
        }
        _ = try repeated { () throws(PostgresError) in try archive.dropEligibleUsers(of: coupon) }
        if !stop.isRequested, try archive.remove(coupon) {
            logger.info("archived coupon", metadata: ["coupon.name": "\(coupon.name)"])
        }
        return count
    }

    private func moveClaims(of coupon: String?, _ archive: ClaimArchive) throws(PostgresError) -> Int {
        let count = try repeated { () throws(PostgresError) in try archive.moveClaims(of: coupon) }
        archived.increment(by: count)
        return count
    }

    /// Runs a step until it has nothing left to do.
    ///
    /// - Parameter step: returns the number of rows that it has changed.
    private func repeated(_ step: () throws(PostgresError) -> Int) throws(PostgresError) -> Int {
        var sum = 0
        while !stop.isRequested {
            let start = ContinuousClock.now
            let count = try step()
            sum += count
            if count < ClaimArchive.batch { break }
            stop.wait(atMost: .now - start)
        }
        return sum
    }
}
