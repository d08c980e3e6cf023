import Claims
import Metrics
import Redis
import RuntimeSupport

/// The coupons' locks in Redis, as one lane takes and gives them.
///
/// They spare the database contention; no rule rests on them.
struct CouponLocks {
    private let stores: LaneStores
    private let settings: LockSettings
    private let owner: LockOwner

    init(stores: LaneStores, settings: LockSettings, workerID: String, lane: Int) {
        self.stores = stores
        self.settings = settings
        owner = LockOwner(workerID: workerID, lane: lane)
    }

    /// Takes the locks that are free, and those of workers that show no life.
    ///
    /// One round trip, and a second one only if some are held.
    /// - Returns: the coupons whose lock is now this lane's, and those whose lock another worker holds.
    func acquire(
        _ coupons: [CouponName]
    ) throws(Outage) -> (acquired: Set<CouponName>, workers: Set<CouponName>) {
        try stores.redis { redis throws(RedisError) in
            let ttl = String(settings.ttl.wholeMilliseconds)
            let replies = try redis.pipeline(
                coupons.map { ["SET", RedisKeys.lock(of: $0), owner.description, "NX", "PX", ttl, "GET"] })
            var acquired: Set<CouponName> = []
            var held: [(coupon: CouponName, holder: LockOwner, value: String)] = []
            for (coupon, reply) in zip(coupons, replies) {
                switch reply {
                case .null: acquired.insert(coupon)
                case .string(let value):
                    if let holder = LockOwner(value) { held.append((coupon, holder, value)) }
                case .error(let message):
                    throw RedisError("taking the lock of \(coupon): \(message)")
                case .integer, .array: break
                }
            }
            guard !held.isEmpty else { return (acquired, []) }
            let takeovers = try redis.pipeline(
                held.map { lock in
                    // This lane's own lock is a leftover: whoever holds it is the one who asks.
                    let life = lock.holder == owner ? "" : RedisKeys.life(of: lock.holder.workerID)
                    return [
                        "EVAL", Self.takeOver, "2", RedisKeys.lock(of: lock.coupon), life, lock.value,
                        owner.description, ttl,
                    ]
                })
            for (lock, reply) in zip(held, takeovers) where reply.integer == 1 {
                acquired.insert(lock.coupon)
                if lock.holder != owner { Counter(label: "claims.lock.takeovers").increment() }
            }
            return (acquired, Set(held.map(\.coupon)).subtracting(acquired))
        }
    }

    /// The command that gives up the locks that are still this lane's.
    func release(_ coupons: some Collection<CouponName>) -> RedisCommand {
        ["EVAL", Self.release, String(coupons.count)] + coupons.map(RedisKeys.lock(of:)) + [owner.description]
    }

    /// Takes a lock whose value is still the one seen, unless its worker has come to life.
    private static let takeOver = """
        if redis.call('GET', KEYS[1]) == ARGV[1] and (KEYS[2] == '' or redis.call('EXISTS', KEYS[2]) == 0) then
          redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
          return 1
        end
        return 0
        """

    private static let release = """
        for _, key in ipairs(KEYS) do
          if redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end
        end
        return 1
        """
}
