import HTTPTypes
import Hummingbird
import NIOCore

/// Cross-origin resource sharing with the listed origins. Others get no CORS headers, so browsers refuse them.
///
/// <https://fetch.spec.whatwg.org/#http-cors-protocol>
struct CORS<Context: RequestContext>: RouterMiddleware {
    /// One for each origin, because the list of origins that the middleware takes is fixed in the source.
    private let byOrigin: [String: CORSMiddleware<Context>]

    init(origins: [String]) {
        byOrigin = Dictionary(
            origins.map { origin in
                (
                    origin,
                    CORSMiddleware(
                        allowOrigin: .custom(origin),
                        allowHeaders: [
                            .accept, .authorization, .contentType, .idempotencyKey, .lastEventID, .prefer,
                        ],
                        allowMethods: [.get, .head, .post, .put, .patch, .delete],
                        maxAge: .hours(1))
                )
            }, uniquingKeysWith: { first, _ in first })
    }

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard let origin = request.headers[.origin], let middleware = byOrigin[origin] else {
            var response = try await next(request, context)
            // A cache must not give this answer to an origin that is listed.
            response.headers[values: .vary].append("Origin")
            return response
        }
        var response = try await middleware.handle(request, context: context, next: next)
        // The middleware would name them in the answer to a preflight, where browsers do not look.
        if request.method != .options { response.headers[.accessControlExposeHeaders] = Self.exposed }
        return response
    }

    /// The headers that scripts may read.
    private static var exposed: String {
        "Location, Retry-After, Idempotency-Replayed, Preference-Applied, RateLimit, RateLimit-Policy, WWW-Authenticate"
    }

    /// Parses a list of origins, separated by commas.
    ///
    /// - Returns: nil if one of them is not `http[s]://HOST[:PORT]`.
    static func origins(_ text: String) -> [String]? {
        let origins = text.split(separator: ",").map { $0.trimmingPrefix(while: \.isWhitespace) }.map { part in
            String(part.reversed().drop(while: \.isWhitespace).reversed())
        }
        return origins.allSatisfy { $0.wholeMatch(of: /https?:\/\/[a-z0-9.\-\[\]:]+/) != nil } ? origins : nil
    }
}
