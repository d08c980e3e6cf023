extension String {
    /// Whether the string has a control character of Unicode (general category Cc).
    ///
    /// That is U+0000 to U+001F and U+007F to U+009F. In UTF-8 the latter are 0x7F, and 0xC2 before 0x80 to 0x9F.
    var hasControlCharacter: Bool {
        var isAfterC2 = false
        for byte in utf8 {
            if byte < 0x20 || byte == 0x7F || isAfterC2 && byte < 0xA0 { return true }
            isAfterC2 = byte == 0xC2
        }
        return false
    }
}
