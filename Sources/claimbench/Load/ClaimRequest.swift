import NIOCore

/// The requests of a run: POST /claims with a key and a user of its own for each.
struct ClaimRequest: Sendable {
    private let head: String
    private let run: String
    private let couponPrefix: String
    private let coupons: Int

    /// - Parameters:
    ///   - host: the value of the Host header.
    ///   - headers: further header fields.
    ///   - run: the beginning of each key and user, different for each run.
    ///   - couponPrefix: the beginning of the coupons' names: `PREFIX_0`, `PREFIX_1` …
    ///   - coupons: the number of coupons, which take turns.
    init(host: String, headers: [(name: String, value: String)], run: String, couponPrefix: String, coupons: Int) {
        let fields = headers.map { "\($0.name): \($0.value)\r\n" }.joined()
        head =
            "POST /claims HTTP/1.1\r\nHost: \(host)\r\nContent-Type: application/json\r\n\(fields)Idempotency-Key: \(run)-"
        self.run = run
        self.couponPrefix = couponPrefix
        self.coupons = coupons
    }

    /// Appends a request to a buffer.
    func write(_ index: Int, to buffer: inout ByteBuffer) {
        let number = String(index)
        let coupon = String(index % coupons)
        // {"user_id":"RUN-NUMBER","coupon_name":"PREFIX_COUPON"}
        let length =
            12 + run.utf8.count + 1 + number.utf8.count + 17 + couponPrefix.utf8.count + 1 + coupon.utf8.count + 2
        buffer.writeString(head)
        buffer.writeString(number)
        buffer.writeStaticString("\r\nContent-Length: ")
        buffer.writeString(String(length))
        buffer.writeStaticString("\r\n\r\n{\"user_id\":\"")
        buffer.writeString(run)
        buffer.writeStaticString("-")
        buffer.writeString(number)
        buffer.writeStaticString("\",\"coupon_name\":\"")
        buffer.writeString(couponPrefix)
        buffer.writeStaticString("_")
        buffer.writeString(coupon)
        buffer.writeStaticString("\"}")
    }
}
