import Hummingbird
import Logging
import Postgres

/// Answers every error with a ``Problem``. An unexpected error is logged in full and answered without internals.
struct ProblemMiddleware<Context: RequestContext>: RouterMiddleware {
    /// All endpoints, to distinguish an unsupported method from an unknown path.
    let endpoints: [Endpoint]
    let logger: Logger

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            return try problem(for: error, request).response(from: request, context: context)
        }
    }

    private func problem(for error: any Error, _ request: Request) -> Problem {
        switch error {
        case let problem as Problem:
            return problem
        case let error as PostgresError where error.mayBeOutage:
            // The client of PostgreSQL logs the begin and the end of an outage.
            return .storeUnavailable
        case let error as HTTPError where error.status == .notFound:
            // The router throws this both for an unknown path and for an unsupported method.
            let known = endpoints.first { $0.matches(request.uri.path) }
            return known.map { .methodNotAllowed(allow: $0.methods) } ?? .notFound
        default:
            logger.error(
                "request failed",
                metadata: ["error": "\(error)", "http.path": "\(request.uri.path)", "http.method": "\(request.method)"])
            return .internalError
        }
    }
}
