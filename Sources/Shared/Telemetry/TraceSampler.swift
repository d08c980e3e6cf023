package import Observability

/// Decides which traces are recorded.
///
/// <https://opentelemetry.io/docs/specs/otel/trace/sdk/#sampler>
package struct TraceSampler: Hashable, Sendable {
    /// Whether the decision of the parent, if there is one, holds.
    private let followsParent: Bool
    /// The share of the other traces that are recorded.
    private let ratio: Double

    /// - Parameters:
    ///   - name: a value of `OTEL_TRACES_SAMPLER`.
    ///   - ratio: for `traceidratio`, from 0 to 1.
    /// - Returns: nil if there is no sampler of this name.
    package init?(name: String, ratio: Double) {
        let prefix = "parentbased_"
        followsParent = name.hasPrefix(prefix)
        switch followsParent ? String(name.dropFirst(prefix.count)) : name {
        case "always_on": self.ratio = 1
        case "always_off": self.ratio = 0
        case "traceidratio": self.ratio = ratio
        default: return nil
        }
    }

    /// Returns whether a new span is recorded.
    ///
    /// The decision depends on the trace id alone, so that all programs with the same ratio decide the same.
    package func samples(_ traceID: TraceContext.TraceID, parent: TraceContext?) -> Bool {
        if followsParent, let parent { return parent.isSampled }
        if ratio >= 1 { return true }
        return Double(traceID.low >> 11) < ratio * 0x1p53
    }
}
