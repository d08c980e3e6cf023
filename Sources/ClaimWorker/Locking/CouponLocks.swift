import Claims
import Metrics
import OrderedCollections
import Redis
import RuntimeSupport

/// The coupons' locks in Redis, as one lane acquires and releases them.
///
/// They save the database from contention. No rule depends on them.
final class CouponLocks {
    private let stores: StoreConnections
    private let ttl: String
    private let owner: LockOwner
    /// The coupons whose lock this lane may hold: those it tried to lock since the last release.
    private var tried: Set<CouponName> = []
    /// How often a coupon's lock was found held.
    private let waits = Counter(label: "claims.lock.waits")

    init(stores: StoreConnections, settings: LockSettings, workerID: String, lane: Int) {
        self.stores = stores
        ttl = String(settings.ttl.wholeMilliseconds)
        owner = LockOwner(workerID: workerID, lane: lane)
    }

    /// Acquires the locks of the jobs' coupons that are free or whose worker has no heartbeat.
    ///
    /// One round trip, and a second one only if some locks are held.
    ///
    /// - Returns: the coupons whose lock this lane now holds.
    /// - Throws: ``Outage``. Some of the locks may have been acquired.
    func acquire(for jobs: [PendingJob]) throws(Outage) -> Set<CouponName> {
        let coupons = OrderedSet(jobs.lazy.compactMap(\.coupon))
        guard !coupons.isEmpty else { return [] }
        tried.formUnion(coupons)
        let acquired = try stores.redis { redis throws(RedisError) in
            var acquired: Set<CouponName> = []
            var held: [Held] = []
            for (coupon, answer) in zip(coupons, try redis.send(.all(coupons.map(tryLock)))) {
                switch answer {
                case .acquired: acquired.insert(coupon)
                case .held(let holder?, let value): held.append(Held(coupon: coupon, holder: holder, value: value))
                case .held(nil, _): break
                }
            }
            for (lock, wasTakenOver) in zip(held, try redis.send(.all(held.map(takeOver)))) {
                if wasTakenOver {
                    acquired.insert(lock.coupon)
                    if lock.holder != owner { Counter(label: "claims.lock.takeovers").increment() }
                }
            }
            return acquired
        }
        waits.increment(by: coupons.count - acquired.count)
        return acquired
    }

    /// Returns the request that releases all locks of this lane. Once it has been sent, call ``released()``.
    func release() -> RedisRequest<Void> {
        let keys = tried.map(RedisKeys.lock(of:))
        guard !keys.isEmpty else { return RedisRequest([]) }
        return RedisRequest([["EVAL", Self.releaseScript, String(keys.count)] + keys + [owner.description]])
    }

    func released() { tried.removeAll() }

    /// Releases the locks of a batch that an outage interrupted, so that another worker can take over the lane.
    ///
    /// If Redis is unavailable, the locks stay until the lane finishes its next batch or they expire.
    func releaseInterrupted(by outage: Outage) {
        guard case .postgres = outage else { return }
        do throws(Outage) {
            try stores.send(release())
            released()
        } catch {}
    }

    // MARK: Requests

    /// A lock whose value names a worker.
    private struct Held {
        let coupon: CouponName
        let holder: LockOwner
        let value: String
    }

    private enum Answer {
        case acquired
        /// The owner is nil if the value names no worker.
        case held(LockOwner?, value: String)
    }

    /// Acquires a lock if it is free.
    private func tryLock(_ coupon: CouponName) -> RedisRequest<Answer> {
        let command = ["SET", RedisKeys.lock(of: coupon), owner.description, "NX", "PX", ttl, "GET"]
        return RedisRequest(command: command) { reply throws(RedisError) in
            switch reply {
            case .null: return .acquired
            case .string(let value): return .held(LockOwner(value), value: value)
            case .error(let message): throw RedisError("acquiring the lock of \(coupon): \(message)")
            case .integer, .array: return .held(nil, value: "")
            }
        }
    }

    /// Takes a lock over if its value is unchanged and its worker has no heartbeat. Answer: whether it was taken over.
    private func takeOver(_ lock: Held) -> RedisRequest<Bool> {
        // A lock of this lane is left over from an interrupted batch. It needs no check of the heartbeat.
        let heartbeat = lock.holder == owner ? "" : RedisKeys.heartbeat(of: lock.holder.workerID)
        let keys = [RedisKeys.lock(of: lock.coupon), heartbeat]
        return RedisRequest(
            command: ["EVAL", Self.takeOverScript, "2"] + keys + [lock.value, owner.description, ttl]
        ) { $0.integer == 1 }
    }

    private static let takeOverScript = """
        if redis.call('GET', KEYS[1]) == ARGV[1] and (KEYS[2] == '' or redis.call('EXISTS', KEYS[2]) == 0) then
          redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
          return 1
        end
        return 0
        """

    private static let releaseScript = """
        for _, key in ipairs(KEYS) do
          if redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end
        end
        return 1
        """
}
