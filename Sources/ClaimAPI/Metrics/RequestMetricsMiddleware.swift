import Dispatch
import HTTPTypes
import Hummingbird
import Metrics
import Synchronization

/// Counts and times requests by route, method and status, with the metric names of OpenTelemetry.
final class RequestMetricsMiddleware<Context: RequestContext>: RouterMiddleware {
    private struct Labels: Hashable {
        let method: HTTPRequest.Method
        let route: String
        let status: Int
    }

    /// Creating a timer takes a look-up by strings, so that timers are kept.
    private let timers = Mutex<[Labels: Metrics.Timer]>([:])

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let start = DispatchTime.now().uptimeNanoseconds
        let response = try await next(request, context)
        let duration = DispatchTime.now().uptimeNanoseconds - start
        // An unknown path is not a label value, because clients could create any number of them.
        let labels = Labels(
            method: request.method, route: context.endpointPath ?? "unknown", status: response.status.code)
        timer(labels).recordNanoseconds(duration)
        return response
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
