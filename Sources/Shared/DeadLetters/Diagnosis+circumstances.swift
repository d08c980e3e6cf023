internal import Claims
internal import Postgres
internal import Redis

extension Diagnosis.Circumstances {
    /// Asks the stores what a replay of this dead letter would meet. A store that can't be reached leaves nil.
    static func look(around letter: DeadLetter, _ stores: StoreSettings) -> Self {
        var known = Self()
        if let postgres = try? PostgresConnection(stores.databaseURL, name: "claimctl dlq") {
            if let id = letter.claimID {
                known.claim = (try? DeadLetterStore(postgres).claims([id.description])).map {
                    $0.claims[id.description]
                }
            } else {
                known.claim = .some(.none)
            }
            if let coupon = letter.claim?.couponName {
                known.couponExists = try? CouponStore(postgres).exists(coupon)
            }
        }
        if let redis = try? RedisConnection(stores.redis, timeout: .seconds(2)) {
            let living = try? WorkerRegistry.living(on: redis)
            known.livingWorkers = living?.count
            if let coupon = letter.claim?.couponName { known.holder = try? holder(of: coupon, living ?? [], redis) }
        }
        return known
    }

    private static func holder(
        of coupon: CouponName, _ living: [WorkerStatus], _ redis: RedisConnection
    ) throws(RedisError) -> Diagnosis.Holder {
        let key = RedisKeys.lock(of: coupon)
        guard let value = try redis.send(["GET", key]).string else { return .nobody }
        let left = try redis.send(["PTTL", key]).integer ?? -1
        guard let owner = LockOwner(value) else { return .stranger(value, millisecondsLeft: left < 0 ? nil : left) }
        return living.contains { $0.id == owner.workerID } ? .livingWorker(owner.workerID) : .deadWorker(owner.workerID)
    }
}
