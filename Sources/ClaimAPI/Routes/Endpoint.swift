import Foundation
import HTTPTypes
import Hummingbird

/// A path of the API with what each method does there.
struct Endpoint: Sendable {
    typealias Handler = @Sendable (Request, APIContext) async throws -> Response

    let path: String
    let handlers: [HTTPRequest.Method: Handler]

    init(_ path: String, _ handlers: [HTTPRequest.Method: Handler]) {
        self.path = path
        self.handlers = handlers
    }

    /// What `Allow` says. HEAD follows from GET.
    var methods: [HTTPRequest.Method] {
        (Array(handlers.keys) + (handlers.keys.contains(.get) ? [.head] : [])).sorted { $0.rawValue < $1.rawValue }
    }

    /// Whether a request's path is this one.
    func matches(_ requested: String) -> Bool {
        let own = path.split(separator: "/")
        let theirs = requested.split(separator: "/")
        return own.count == theirs.count && zip(own, theirs).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
    }
}

extension Router<APIContext> {
    func add(_ endpoint: Endpoint) {
        for (method, handler) in endpoint.handlers {
            on(RouterPath(endpoint.path), method: method) { request, context in try await handler(request, context) }
        }
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
