import Broker
import Claims
import Foundation
import OrderedCollections
import RuntimeSupport
import SeededRandom

@testable import DeadLetters

extension FuzzTarget {
    /// Message bodies and headers, and bodies of requests that the shared layers decode.
    static let messages: [FuzzTarget] = [body, headers, couponChange]

    /// Valid bodies.
    static let bodies: [[UInt8]] = [
        ClaimMessageCoder.shared.encode(.made(1)),
        Array(
            #"{"version": 1, "id": "9s7rbmh9d09d9djmla534jupt2ddmr2ot6nn371k", "user_id": "ann", "#.utf8
        ) + Array(#""coupon_name": "flash sale", "created_at": "2026-11-22T18:27:41Z", "action": "cancel"}"#.utf8),
        Array(#"{"version":2,"id":5,"user_id":["a"],"coupon_name":null}"#.utf8),
    ]

    private static let body = FuzzTarget(name: "message body") { input in
        let bytes = input.bytes(from: bodies)
        guard let message = try? ClaimMessageCoder.shared.decode(bytes) else { return }
        try input.expect(ClaimID(message.id.description) == message.id, "id \(message.id)")
        try input.expect(UserID(message.userID.description) == message.userID, "user \(message.userID)")
        let coupon = message.couponName
        try input.expect(CouponName(coupon.description)?.description == coupon.description, "coupon \(coupon)")
        let again = try? ClaimMessageCoder.shared.decode(ClaimMessageCoder.shared.encode(message))
        try input.expect(again == message, "read back as \(String(describing: again))")
    }

    private static let headers = FuzzTarget(name: "headers") { input in
        var message = BrokerMessage.random(using: &input.random)
        // Known names with values of any type, and with values of the right type.
        for name in knownHeaders where input.random.oneIn(2) {
            message.properties.headers[name] = .random(depth: 3, using: &input.random)
        }
        if input.random.oneIn(2) { message = message.recording(failure(&input)) }
        if input.random.oneIn(2) { message.properties.headers["attempts"] = .int64(Int64.random(using: &input.random)) }
        if input.random.oneIn(2) {
            message.properties.headers["x-death"] = .array([
                .table(["reason": .string("expired"), "time": .timestamp(input.random.next())])
            ])
        }
        _ = input.use(Array("\(message)".utf8))
        let headers = ClaimHeaders(message.properties.headers)
        try input.expect((0...Int(Int32.max)).contains(headers.attempts), "attempts \(headers.attempts)")
        for copy in [message.recording(failure(&input)), message.replayed(by: "eve", at: DeadLetter.end)] {
            let table = copy.properties.headers
            try input.expect(!table.keys.contains { $0.hasPrefix("x-") }, "keeps the broker's headers")
            try input.expect((table["errors"]?.array?.count ?? 0) <= 40, "too many errors")
            try input.expect((table["replays"]?.array?.count ?? 0) <= 40 || copy == message, "too many replays")
        }
        let replayed = message.replayed(by: "eve", at: DeadLetter.end)
        try input.expect(ClaimHeaders(replayed.properties.headers).attempts == 0, "starts with attempts")
        try input.expect(message.contentID == replayed.contentID, "another content after a replay")
    }

    private static let knownHeaders = [
        "sequence", "attempts", "errors", "reason", "died_at", "replays", "x-death", "x-first-death-reason",
        "x-first-death-queue", "x-delivery-count",
    ]

    private static func failure(_ input: inout FuzzInput) -> FailedAttempt {
        FailedAttempt(
            attempt: Int.random(in: .min...(.max), using: &input.random),
            at: Timestamp(milliseconds: .random(using: &input.random)), worker: "w", code: "lock_held",
            message: String(repeating: "é\u{301}", count: Int.random(in: 0...600, using: &input.random)))
    }

    private static let couponChange = FuzzTarget(name: "change of a coupon") { input in
        let bytes = input.bytes(from: [
            Array(#"{"amount": 10, "per_user_limit": 2, "starts_at": null, "ends_at": "2026-11-22T18:27:41Z"}"#.utf8)
        ])
        guard let change = try? JSONDecoder().decode(CouponChange.self, from: Data(bytes)),
            change.validationError == nil
        else { return }
        try input.expect(change.amount.map { (0...Int(Int32.max)).contains($0) } ?? true, "amount")
        try input.expect(change.perUserLimit.map { (1...Int(Int32.max)).contains($0) } ?? true, "per_user_limit")
    }
}

extension Int64 {
    fileprivate static func random(using random: inout some RandomNumberGenerator) -> Int64 {
        [.min, -1, 0, 1, 4, .max, Int64(truncatingIfNeeded: random.next())].randomElement(using: &random) ?? 0
    }
}
