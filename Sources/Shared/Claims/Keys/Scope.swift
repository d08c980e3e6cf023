/// What an API key allows. The names are part of the API.
package enum Scope: String, Codable, Hashable, Sendable, CaseIterable {
    /// Submit and cancel claims for any user.
    case claimsWrite = "claims:write"
    /// Read and follow the claims of any user.
    case claimsRead = "claims:read"
    case couponsWrite = "coupons:write"
    case couponsRead = "coupons:read"
    case deadLettersRead = "dlq:read"
    case deadLettersWrite = "dlq:write"
    case keysWrite = "keys:write"
    case metricsRead = "metrics:read"
}

/// The scopes of an API key.
package struct Scopes: Hashable, Sendable {
    private var bits: UInt16 = 0

    package init(_ scopes: some Sequence<Scope>) {
        for scope in scopes { bits |= Self.bit(scope) }
    }

    package func contains(_ scope: Scope) -> Bool { bits & Self.bit(scope) != 0 }

    /// The names, in the order of ``Scope``.
    package var names: [String] { Scope.allCases.filter(contains).map(\.rawValue) }

    private static func bit(_ scope: Scope) -> UInt16 {
        switch scope {
        case .claimsWrite: 1
        case .claimsRead: 2
        case .couponsWrite: 4
        case .couponsRead: 8
        case .deadLettersRead: 16
        case .deadLettersWrite: 32
        case .keysWrite: 64
        case .metricsRead: 128
        }
    }
}
