import Dispatch
import HTTPTypes
import Hummingbird
import Metrics
import Synchronization

/// Counts and times requests by route, method and status, with the metric names of OpenTelemetry.
final class RequestMetrics: Sendable {
    private struct Labels: Hashable {
        let method: HTTPRequest.Method
        let route: String
        let status: Int
    }

    /// Creating a timer takes a look-up by strings, so that timers are kept.
    private let timers = Mutex<[Labels: Metrics.Timer]>([:])

    /// Records a request that was answered.
    ///
    /// - Parameter route: the path as its endpoint declares it; nil for an unknown path, which is not a label value,
    ///   because clients could create any number of them.
    func record(method: HTTPRequest.Method, route: String?, status: Int, nanoseconds: UInt64) {
        timer(Labels(method: method, route: route ?? "unknown", status: status)).recordNanoseconds(nanoseconds)
    }

    private func timer(_ labels: Labels) -> Metrics.Timer {
        timers.withLock { timers in
            if let known = timers[labels] { return known }
            let new = Metrics.Timer(
                label: "http.server.request.duration",
                dimensions: [
                    ("http.request.method", labels.method.rawValue), ("http.route", labels.route),
                    ("http.response.status_code", String(labels.status)),
                ])
            timers[labels] = new
            return new
        }
    }
}

/// Records every request that reaches the router.
struct RequestMetricsMiddleware<Context: RequestContext>: RouterMiddleware {
    let metrics: RequestMetrics

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let start = DispatchTime.now().uptimeNanoseconds
        let response = try await next(request, context)
        metrics.record(
            method: request.method, route: context.endpointPath, status: response.status.code,
            nanoseconds: DispatchTime.now().uptimeNanoseconds - start)
        return response
    }
}
