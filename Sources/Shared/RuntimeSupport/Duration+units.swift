extension Duration {
    /// The duration in seconds, with a fraction.
    package var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }

    /// The duration in milliseconds as poll(2) takes it: rounded up, never negative.
    package var wholeMilliseconds: Int32 {
        Int32(clamping: Int64(max(0, (inSeconds * 1000).rounded(.up))))
    }
}
