/// What a metric measures, for its help text and its buckets.
package struct MetricDescription: Sendable {
    /// The name with which the metric is created, such as `http.server.request.duration`.
    package let label: String
    /// One sentence that names what is counted or measured, and its unit.
    package let help: String
    /// The upper bounds of a histogram's buckets, in increasing order; nil for the defaults, and for other metrics.
    package let buckets: [Double]?

    package init(_ label: String, _ help: String, buckets: [Double]? = nil) {
        self.label = label
        self.help = help
        self.buckets = buckets
    }
}
