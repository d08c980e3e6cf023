/// Numbers as text of a fixed width, whose order as text is the order of the numbers: so a script can compare them.
///
/// Base 64, with the digits in the order of ASCII.
enum SortableDigits {
    private static let alphabet = Array("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz".utf8)
    private static let values: [Int64?] = {
        var values = [Int64?](repeating: nil, count: 256)
        for (value, digit) in alphabet.enumerated() { values[Int(digit)] = Int64(value) }
        return values
    }()

    /// All digits in ascending order.
    static let digits = String(decoding: alphabet, as: UTF8.self)

    /// Returns the digits of a number, modulo 64 to the power of `width`. A negative number counts as 0.
    static func encode(_ number: Int64, width: Int) -> [UInt8] {
        var rest = UInt64(max(0, number))
        var text = [UInt8](repeating: alphabet[0], count: width)
        for index in text.indices.reversed() {
            text[index] = alphabet[Int(rest & 63)]
            rest >>= 6
        }
        return text
    }

    /// Returns the number that digits mean; nil if the text is empty or has other characters.
    static func decode(_ text: some Collection<UInt8>) -> Int64? {
        guard (1...10).contains(text.count) else { return nil }
        var number: Int64 = 0
        for digit in text {
            guard let value = values[Int(digit)] else { return nil }
            number = number << 6 | value
        }
        return number
    }
}
