import HTTPTypes
import Hummingbird

/// What a request passes before its route: who sends it, and how often.
///
/// An API without tokens and limits checks only the origin of requests from browsers.
struct Gate: Sendable {
    /// Nil for an open API.
    var access: AccessControl?
    /// Nil without limits.
    var limits: RateLimits?
    var browsers = BrowserCheck()
    var rule: @Sendable (HTTPRequest.Method, String) -> AccessRule? = AccessRules.rule

    /// Returns the handler of a route behind the gate.
    func handler(_ method: HTTPRequest.Method, _ path: String, _ handler: @escaping Endpoint.Handler)
        -> Endpoint.Handler
    {
        // A route that was forgotten in the table must not be open.
        guard let rule = rule(method, path) else { return { _, _ in throw Problem.noRule } }
        guard rule != .open else { return handler }
        let (access, limits, browsers) = (access, limits, browsers)
        guard access != nil || limits != nil else {
            return { request, context in
                try browsers.check(request)
                return try await handler(request, context)
            }
        }
        // The route charges its request itself, after it has found out whether it is a replay.
        let chargesItself = method == .post && path == "/claims"
        return { request, context in
            try browsers.check(request)
            var context = context
            if let access { context.caller = try await access.admit(request, context, rule) }
            guard let limits else { return try await handler(request, context) }
            let quota = limits.quota(of: context)
            context.quota = quota
            do {
                if !chargesItself { try await quota.charge() }
                var response = try await handler(request, context)
                response.headers.append(contentsOf: quota.fields)
                return response
            } catch let problem as Problem {
                throw problem.adding(quota.fields)
            }
        }
    }
}
