import SeededRandom

/// Changes valid inputs a little, which reaches more code than random bytes do.
enum Mutator {
    /// Parts of valid and of nearly valid inputs.
    private static let tokens: [[UInt8]] =
        [
            "\"", "\\", "\\u0000", "\\ud800", "{", "}", "[", "]", ":", ",", "null", "true", "0", "-0", "-1", "1e999",
            "1.5",
            "2147483647", "2147483648", "9223372036854775807", "9223372036854775808", "18446744073709551615",
            "99999999999999999999999", " ", "\t", "\n", "\r\n", "\0", "\u{7f}", "\u{85}", "\u{feff}", "\u{301}",
            "\u{2028}",
            "é", "数", "🎉", "_", "-", ".", "/", "Z", "z", "+00:00", "-23:59", "+24:00", "T", "t", "24", "60", "0000",
            "9999", "02-29", "02-30", "a", "A", "0123456789abcdefghijklmnopqrstuv01234567", "version", "id", "action",
            "\"cancel\"", "user_id", "coupon_name", "created_at", "body", "body_base64", "fingerprint", "int32",
            "table",
            "array", "void", "=", "==", ";", "?1", "%",
        ].map { Array($0.utf8) } + [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x80]]

    /// Returns a random mutation of a random element of the corpus; sometimes an unchanged element.
    static func mutate(_ corpus: [[UInt8]], using random: inout SeededGenerator) -> [UInt8] {
        var bytes = corpus.randomElement(using: &random) ?? []
        for _ in 0..<Int.random(in: 0...4, using: &random) { mutate(&bytes, corpus, using: &random) }
        return bytes
    }

    private static func mutate(_ bytes: inout [UInt8], _ corpus: [[UInt8]], using random: inout SeededGenerator) {
        let place = Int.random(in: 0...bytes.count, using: &random)
        let other = Int.random(in: 0...bytes.count, using: &random)
        let range = min(place, other)..<max(place, other)
        switch Int.random(in: 0..<9, using: &random) {
        case 0: bytes.insert(contentsOf: tokens.randomElement(using: &random) ?? [], at: place)
        case 1:
            let end = min(bytes.count, place + Int.random(in: 0...6, using: &random))
            bytes.replaceSubrange(place..<end, with: tokens.randomElement(using: &random) ?? [])
        case 2: if place < bytes.count { bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
        case 3: if place < bytes.count { bytes[place] = UInt8.random(in: 0...255, using: &random) }
        case 4: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 0...8, using: &random)))
        case 5: bytes.insert(contentsOf: Array(bytes[range]), at: place)
        case 6: bytes.removeSubrange(random.oneIn(3) ? range : range.prefix(20))
        case 7:
            let donor = corpus.randomElement(using: &random) ?? []
            let cut = Int.random(in: 0...donor.count, using: &random)
            bytes = Array(bytes[..<place]) + donor[cut...]
        default:
            let part = Array(bytes[range].prefix(40))
            let times = Int.random(in: 1...(random.oneIn(20) ? 300 : 4), using: &random)
            bytes.insert(contentsOf: Array(repeating: part, count: times).joined(), at: place)
        }
    }
}
