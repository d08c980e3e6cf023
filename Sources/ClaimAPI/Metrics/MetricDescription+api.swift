import Observability

extension MetricDescription {
    /// The metrics of ClaimAPI.
    static let api = [
        MetricDescription(
            "http.server.request.duration",
            "Time from the header of an HTTP request to the header of its response, in seconds, by method, route and status.",
            // A long poll takes up to 30 s.
            buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]),
        MetricDescription(
            "claims.publishes", "Claims that were published to the broker, by result; confirmed ones are accepted."),
        MetricDescription("claims.cancels", "Cancellations that were published to the broker, by result."),
        MetricDescription(
            "claims.publish.duration",
            "Time from publishing a claim or cancellation to its publisher confirm, in seconds.",
            buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]),
        MetricDescription(
            "claims.auth.failures",
            "Requests that were refused because of their token, by reason; clients are not told it."),
        MetricDescription(
            "claims.rate.limited",
            "Requests that were refused by a rate limit or the limit of pending claims, by limit."),
        MetricDescription("claims.jwks.failures", "Failed attempts to load the keys of CLAIMS_JWKS."),
        MetricDescription("claims.watches", "Event streams and long polls that wait for the outcome of a claim."),
        MetricDescription("claims.redis.memory.used.bytes", "Memory that Redis uses, in bytes."),
        MetricDescription("claims.redis.memory.limit.bytes", "The maxmemory of Redis, in bytes; 0 for none."),
        MetricDescription(
            "claims.redis.evicted.keys", "Keys that Redis has evicted to make room since it was started."),
    ]
}
