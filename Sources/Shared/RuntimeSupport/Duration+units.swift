extension Duration {
    /// The duration in seconds, including the fraction.
    package var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }

    /// The duration in milliseconds as poll(2) expects it: rounded up, clamped to 0 through `Int32.max`.
    package var wholeMilliseconds: Int32 {
        Int32(clamping: Int64(max(0, (inSeconds * 1000).rounded(.up))))
    }
}
