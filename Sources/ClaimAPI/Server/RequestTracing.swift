import HTTPTypes
import Hummingbird
import Instrumentation
import Telemetry
import Tracing

/// Records a span for each request, as a part of the trace that the header `traceparent` names, if there is one.
///
/// The span has the route and no path, because paths contain ids of claims and users.
struct RequestTracing<Context: RequestContext>: RouterMiddleware {
    let tracer: ClaimTracer

    private struct Headers: Extractor {
        func extract(key: String, from fields: HTTPFields) -> String? {
            HTTPField.Name(key).flatMap { fields[$0] }
        }
    }

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        var parent = InstrumentationContext.topLevel
        tracer.extract(request.headers, into: &parent, using: Headers())
        let span = tracer.start(request.method.rawValue, context: parent, kind: .server)
        defer { span.end() }
        return try await span.whileActive {
            let response: Response
            do {
                response = try await next(request, context)
            } catch {
                span.setStatus(SpanStatus(code: .error, message: "\(type(of: error))"))
                throw error
            }
            guard span.isRecording else { return response }
            span.updateAttributes { attributes in
                attributes["http.request.method"] = request.method.rawValue
                attributes["http.response.status_code"] = response.status.code
                if let route = context.endpointPath { attributes["http.route"] = route }
            }
            if let route = context.endpointPath { span.operationName = "\(request.method.rawValue) \(route)" }
            if response.status.code >= 500 { span.setStatus(SpanStatus(code: .error)) }
            return response
        }
    }
}
