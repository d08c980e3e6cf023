import Foundation
import HTTPTypes
import Hummingbird

/// A path of the API with a handler for each method.
struct Endpoint: Sendable {
    typealias Handler = @Sendable (Request, APIContext) async throws -> Response

    let path: String
    let handlers: [HTTPRequest.Method: Handler]

    init(_ path: String, _ handlers: [HTTPRequest.Method: Handler]) {
        self.path = path
        self.handlers = handlers
    }

    /// The methods for `Allow`. HEAD is allowed where GET is.
    var methods: [HTTPRequest.Method] {
        (Array(handlers.keys) + (handlers.keys.contains(.get) ? [.head] : [])).sorted { $0.rawValue < $1.rawValue }
    }

    /// Returns whether a requested path is this one.
    func matches(_ requested: String) -> Bool {
        let own = path.split(separator: "/")
        let theirs = requested.split(separator: "/")
        return own.count == theirs.count && zip(own, theirs).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
    }
}

extension Router<APIContext> {
    /// Adds the routes of an endpoint behind the gate.
    func add(_ endpoint: Endpoint, behind gate: Gate) {
        for (method, handler) in endpoint.handlers {
            let handler = gate.handler(method, endpoint.path, handler)
            on(RouterPath(endpoint.path), method: method) { request, context in try await handler(request, context) }
        }
    }
}

extension RequestContext {
    /// Returns a parameter of the path without its percent-encoding; empty if that is not valid.
    func pathParameter(_ name: String) -> String {
        parameters.get(name)?.removingPercentEncoding ?? ""
    }
}

extension Request {
    /// Returns a query parameter as a whole number; nil if it is absent.
    ///
    /// - Throws: ``Problem`` `invalid_parameter`.
    func integerParameter(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
        guard let text = queryParameter(name) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw Problem.invalidParameter(name, "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// Returns a query parameter without its percent-encoding; nil if it is absent.
    func queryParameter(_ name: String) -> String? {
        uri.queryParameters.get(name)
    }
}
