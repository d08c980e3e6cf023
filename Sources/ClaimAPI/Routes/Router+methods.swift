import Foundation
import HTTPTypes
import Hummingbird

extension Router {
    typealias Handler = @Sendable (Request, Context) async throws -> Response

    /// Adds a path with what each method does there; every other method is answered with 405 and `Allow`.
    func path(_ path: RouterPath, _ handlers: [HTTPRequest.Method: Handler]) {
        for (method, handler) in handlers {
            on(path, method: method) { request, context in try await handler(request, context) }
        }
        var allowed = Set(handlers.keys)
        if allowed.contains(.get) { allowed.insert(.head) }
        let refusal = Problem.methodNotAllowed(allow: allowed.sorted { $0.rawValue < $1.rawValue })
        for method in Self.methods where !allowed.contains(method) {
            on(path, method: method) { _, _ -> Response in throw refusal }
        }
    }

    private static var methods: [HTTPRequest.Method] {
        [.get, .head, .post, .put, .patch, .delete, .options, .trace, .connect]
    }
}

extension RequestContext {
    /// A part of the path, with its percent-encoding resolved; what can't be resolved matches nothing.
    func pathParameter(_ name: String) -> String {
        parameters.get(name)?.removingPercentEncoding ?? ""
    }
}

extension Request {
    /// A query parameter as a whole number.
    ///
    /// - Throws: ``Problem`` `invalid_parameter`.
    func integerParameter(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
        guard let text = queryParameter(name) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw Problem.invalidParameter(name, "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// A query parameter as it was sent, with its percent-encoding resolved; nil if it is not there.
    func queryParameter(_ name: String) -> String? {
        uri.queryParameters.get(name)
    }
}
