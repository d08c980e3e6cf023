import Claims
import HTTPTypes

/// Who may use a route.
enum AccessRule: Hashable, Sendable {
    /// Everyone, without a token.
    case open
    /// Services with the scope.
    case services(Scope)
    /// Services with the scope, and users. The route limits users to their own data.
    case usersAndServices(Scope)
    /// Like `usersAndServices`, and also callers with a ticket for the requested claim. See ``ClaimTickets``.
    case ticketHolders(Scope)

    /// The scope that a service needs; nil if it needs none.
    var scope: Scope? {
        switch self {
        case .open: nil
        case .services(let scope), .usersAndServices(let scope), .ticketHolders(let scope): scope
        }
    }

    /// Whether users may use the route.
    var admitsUsers: Bool {
        switch self {
        case .open, .usersAndServices, .ticketHolders: true
        case .services: false
        }
    }
}

/// The rules of all routes. A route that is not in this table is refused.
enum AccessRules {
    /// Returns the rule of a route; nil if it has none.
    static func rule(_ method: HTTPRequest.Method, _ path: String) -> AccessRule? {
        all[path]?[method]
    }

    /// The rules by path and method. HEAD has the rule of GET.
    static let all: [String: [HTTPRequest.Method: AccessRule]] = [
        "/": [.get: .open],
        "/healthz": [.get: .open],
        "/readyz": [.get: .open],
        "/openapi.json": [.get: .open],
        "/metrics": [.get: .services(.metricsRead)],
        "/console/{file}": [.get: .open],
        "/overview": [.get: .services(.metricsRead)],
        "/overview/events": [.get: .services(.metricsRead)],
        "/claims": [.post: .usersAndServices(.claimsWrite)],
        "/claims/{id}": [.get: .usersAndServices(.claimsRead)],
        "/claims/{id}/events": [.get: .ticketHolders(.claimsRead)],
        "/claims/{id}/ticket": [.post: .usersAndServices(.claimsRead)],
        "/claims/{id}/cancel": [.post: .usersAndServices(.claimsWrite)],
        "/claims/{id}/timeline": [.get: .services(.claimsRead)],
        "/coupons": [.get: .services(.couponsRead), .post: .services(.couponsWrite)],
        "/coupons/{name}": [.get: .usersAndServices(.couponsRead), .patch: .services(.couponsWrite)],
        "/coupons/{name}/claims": [.get: .services(.claimsRead)],
        "/coupons/{name}/eligibility": [.get: .usersAndServices(.couponsRead)],
        "/coupons/{name}/eligible-users": [
            .put: .services(.couponsWrite), .post: .services(.couponsWrite), .delete: .services(.couponsWrite),
        ],
        "/dlq": [.get: .services(.deadLettersRead)],
        "/dlq/stats": [.get: .services(.deadLettersRead)],
        "/dlq/messages/{id}": [.get: .services(.deadLettersRead)],
        "/dlq/discarded": [.get: .services(.deadLettersRead)],
        // A plan changes no message, but it records who made it.
        "/dlq/plans": [.post: .services(.deadLettersWrite)],
        "/dlq/jobs": [.post: .services(.deadLettersWrite)],
        "/dlq/jobs/{id}": [.get: .services(.deadLettersRead)],
        // Reads the rows of all claims, and changes nothing.
        "/audits": [.post: .services(.claimsRead)],
        "/audits/{id}": [.get: .services(.claimsRead)],
        "/keys": [.get: .services(.keysWrite), .post: .services(.keysWrite)],
        "/keys/{id}": [.delete: .services(.keysWrite)],
        "/keys/{id}/rotate": [.post: .services(.keysWrite)],
        "/log": [.get: .services(.keysWrite)],
    ]
}
