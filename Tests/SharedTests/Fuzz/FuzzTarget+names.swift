import Claims
import Foundation
import RuntimeSupport

extension FuzzTarget {
    /// Ids, names, keys and times.
    static let names: [FuzzTarget] = [userID, couponName, idempotencyKey, claimID, timestamp, timeSpan, userList]

    private static let userID = FuzzTarget(name: "user id") { input in
        let text = input.text(from: ["ann", "u-1@example.org", "数🎉", String(repeating: "x", count: 128)])
        let isValid =
            (1...128).contains(text.unicodeScalars.count)
            && text.unicodeScalars.allSatisfy { !($0.value < 0x20 || (0x7f...0x9f).contains($0.value)) }
        try input.expect((UserID(text) != nil) == isValid, "accepted: \(UserID(text) != nil)")
        try input.expect(UserID(text).map { $0.description == text } ?? true, "is not what was written")
    }

    private static let couponName = FuzzTarget(name: "coupon name") { input in
        let text = input.text(from: ["FLASH_SALE", "flash sale!", "10 % off", String(repeating: "x", count: 64), "_a_"])
        guard let name = CouponName(text) else {
            let isValid =
                (1...64).contains(text.unicodeScalars.count)
                && text.unicodeScalars.allSatisfy { !($0.value < 0x20 || (0x7f...0x9f).contains($0.value)) }
                && text.utf8.contains { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || isLetter($0) }
            return try input.expect(!isValid, "refused")
        }
        let normal = name.description
        try input.expect(normal.wholeMatch(of: /[A-Z0-9]+(_[A-Z0-9]+)*/) != nil, "not normal: \(normal)")
        try input.expect(normal.utf8.count <= 64, "too long: \(normal)")
        try input.expect(CouponName(normal) == name, "normalised twice: \(normal)")
        try input.expect((0..<7).contains(name.lane(of: 7)), "lane \(name.lane(of: 7))")
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20
    }

    private static let idempotencyKey = FuzzTarget(name: "idempotency key") { input in
        let long = String(repeating: "k", count: 255)
        let text = input.text(
            from: [
                "k", "8e03978e-40d5-43dd-bc93-6894a57f9324", "\"a b\"", #""a\"b\\c""#, long, "\"\(long)\"", "\"k\";a=1",
            ])
        guard let key = IdempotencyKey(headerValue: text)?.value else { return }
        try input.expect((1...255).contains(key.utf8.count), "length \(key.utf8.count)")
        try input.expect(key.utf8.allSatisfy { (0x20...0x7e).contains($0) }, "not printable ASCII: \(key)")
        let quoted = "\"\(key.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
        try input.expect(IdempotencyKey(headerValue: quoted)?.value == key, "another key when quoted: \(quoted)")
        if !key.contains(" "), !key.hasPrefix("\"") {
            try input.expect(IdempotencyKey(headerValue: key)?.value == key, "another key when bare: \(key)")
        }
    }

    private static let claimID = FuzzTarget(name: "claim id") { input in
        let issuer = ClaimIDIssuer(secret: "secret")
        let valid = ["9s7rbmh9d09d9djmla534jupt2ddmr2ot6nn371k", String(repeating: "v", count: 40)]
        let text = input.text(from: valid)
        let isValid = text.wholeMatch(of: /[0-9a-v]{40}/) != nil && text.utf8.count == 40
        try input.expect((ClaimID(text) != nil) == isValid, "accepted: \(ClaimID(text) != nil)")
        try input.expect(issuer.issued(text) == nil, "an id that was not issued is accepted")
        if let bytes = Base32Hex.decode(text) { try input.expect(Base32Hex.encode(bytes) == text, "another text") }
    }

    private static let timestamp = FuzzTarget(name: "timestamp") { input in
        let text = input.text(from: [
            "2026-11-22T17:27:34.123Z", "2024-02-29t23:59:60z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z",
            "2026-11-22T17:27:34+05:30", "2026-11-22T17:27:34.5-00:00",
        ])
        guard let time = Timestamp(text) else { return }
        let form = /[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})/
        try input.expect(text.wholeMatch(of: form) != nil, "accepted")
        try input.expect(Timestamp(time.description) == time, "read back as another time: \(time)")
        try input.expect(time.description.utf8.count == 24, "written as \(time)")
        _ = time.seconds(since: .now())
    }

    private static let timeSpan = FuzzTarget(name: "time span") { input in
        let text = input.text(from: ["90s", "15m", "1h", "2d", "1h30m", "1000000000d"])
        guard let seconds = TimeSpan.seconds(text) else { return }
        try input.expect(text.wholeMatch(of: /([0-9]+[dhms])+/) != nil && seconds >= 0, "accepted as \(seconds)")
        try input.expect(TimeSpan.seconds(TimeSpan.text(seconds)).map { $0 <= seconds } ?? false, "unreadable")
    }

    private static let userList = FuzzTarget(name: "list of users") { input in
        let bytes = input.bytes(from: [Array(#"["ann", "bob", "\u00e9"]"#.utf8), Array("ann\nbob\r\n\n数\n".utf8)])
        let data = Data(bytes)
        for users in [try? UserList.json(data), try? UserList.lines(data)].compactMap(\.self) {
            try input.expect(users.allSatisfy { UserID($0.description) == $0 }, "accepted: \(users)")
        }
    }
}
