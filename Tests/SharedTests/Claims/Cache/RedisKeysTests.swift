import Claims
import Testing

@Suite struct RedisKeysTests {
    @Test func theKeyOfALockIsThatOfTheContract() throws {
        #expect(RedisKeys.lock(of: try #require(CouponName("flash sale"))) == "claim:coupon:FLASH_SALE")
    }

    @Test func everyKeyIsDistinct() throws {
        let coupon = try #require(CouponName("X"))
        let id = try #require(ClaimID(String(repeating: "0", count: 40)))
        let keys = [
            RedisKeys.lock(of: coupon), RedisKeys.claim(id), RedisKeys.heartbeat(of: "X"), RedisKeys.metrics(of: "X"),
            RedisKeys.workers, RedisKeys.changes, RedisKeys.lane(0),
            RedisKeys.rate("user", "X"), RedisKeys.rate("key", "X"),
            RedisKeys.pending(try #require(UserID("X")), coupon),
        ]
        #expect(Set(keys).count == keys.count)
    }
}
