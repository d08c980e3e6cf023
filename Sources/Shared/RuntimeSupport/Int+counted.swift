extension Int {
    /// Returns the number with a noun in its right form: `1 message`, `2 messages`.
    ///
    /// - Parameter plural: the plural form; nil for the singular with an `s`.
    package func counted(_ noun: String, plural: String? = nil) -> String {
        "\(self) \(self == 1 ? noun : plural ?? "\(noun)s")"
    }
}
