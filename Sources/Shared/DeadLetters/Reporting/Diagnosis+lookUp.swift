internal import Claims
internal import Postgres
internal import Redis

extension Diagnosis.Circumstances {
    /// Asks the stores what a replay of this dead letter would meet.
    static func lookUp(_ letter: DeadLetter, _ session: OperatorSession) -> Self {
        var known = Self()
        let coupon = letter.claim?.couponName
        if let postgres = try? session.postgres() {
            if let id = letter.claimID {
                known.claim = (try? DeadLetterStore(postgres).claims([id])).map { $0.claims[id] }
            } else {
                known.claim = .some(.none)
            }
            if let coupon { known.couponExists = try? CouponStore(postgres).exists(coupon) }
        }
        if let redis = session.redis() {
            let live = try? WorkerRegistry.live(on: redis)
            known.liveWorkers = live?.count
            if let coupon { known.lock = try? redis.send(lock(of: coupon, live ?? [])) }
        }
        return known
    }

    private static func lock(
        of coupon: CouponName, _ live: [WorkerStatus]
    ) -> RedisRequest<Diagnosis.LockState> {
        let key = RedisKeys.lock(of: coupon)
        let value = RedisRequest(command: ["GET", key]) { $0.string }
        let timeLeft = RedisRequest(command: ["PTTL", key]) { $0.integer ?? -1 }
        let both = value.and(timeLeft)
        return RedisRequest(both.commands) { replies throws(RedisError) in
            let (value, left) = try both.answer(replies)
            guard let value else { return .unlocked }
            guard let owner = LockOwner(value) else {
                return .other(value, millisecondsLeft: left < 0 ? nil : left)
            }
            let id = owner.workerID
            return live.contains { $0.id == id } ? .liveWorker(id) : .deadWorker(id)
        }
    }
}
