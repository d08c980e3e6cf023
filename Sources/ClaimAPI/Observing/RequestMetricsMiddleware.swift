import Dispatch
import Hummingbird
import Metrics

/// Counts and times requests by route, method and status, under the names of OpenTelemetry.
struct RequestMetricsMiddleware<Context: RequestContext>: RouterMiddleware {
    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let start = DispatchTime.now().uptimeNanoseconds
        let response = try await next(request, context)
        let labels = [
            ("http.request.method", request.method.rawValue),
            // An unknown path is no label: anybody could make as many as they like.
            ("http.route", context.endpointPath ?? "unknown"),
            ("http.response.status_code", String(response.status.code)),
        ]
        Metrics.Timer(label: "http.server.request.duration", dimensions: labels)
            .recordNanoseconds(DispatchTime.now().uptimeNanoseconds - start)
        return response
    }
}
