/// The names under which everything lies in Redis.
package enum RedisKeys {
    /// The lock of a coupon. Its name is part of the contract.
    package static func lock(of coupon: CouponName) -> String { "claim:coupon:\(coupon)" }
    /// A hash: what is known of a claim.
    package static func claim(_ id: ClaimID) -> String { "claims:claim:\(id)" }
    /// A sorted set: the claims that wait in a lane, by the time at which they were handed to the broker.
    package static func line(of lane: Int) -> String { "claims:line:\(lane)" }
    /// A hash: how far a lane has come, and how fast it is.
    package static func pace(of lane: Int) -> String { "claims:pace:\(lane)" }
    /// How often a worker began to work on this message alone and may have died of it.
    package static func suspect(_ messageID: String) -> String { "claims:suspect:\(messageID)" }
    /// A worker's sign of life; gone soon after the worker.
    package static func life(of worker: String) -> String { "claims:life:\(worker)" }
    /// A worker's metrics as of its last sign of life.
    package static func metrics(of worker: String) -> String { "claims:metrics:\(worker)" }
    /// A sorted set of the workers, by the time of their last sign of life.
    package static let workers = "claims:workers"
    /// The channel on which the ids of claims whose status changed are published, separated by spaces.
    package static let changes = "claims:changes"
}
