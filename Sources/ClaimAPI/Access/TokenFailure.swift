import Metrics

/// Why a token is refused. Clients are not told; the reasons are counted.
enum TokenFailure: String, Error, Hashable, Sendable, CaseIterable {
    /// No token, or no bearer token.
    case missing
    /// Neither an API key nor a JWT.
    case malformed
    /// An API key that does not exist, is revoked or expired, or has another secret.
    case unknownKey = "unknown_key"
    /// A JWT whose `kid` is missing or unknown, or whose `alg` is not that of the key.
    case unknownSigner = "unknown_signer"
    case badSignature = "bad_signature"
    case expired
    case notYetValid = "not_yet_valid"
    case wrongIssuer = "wrong_issuer"
    case wrongAudience = "wrong_audience"
    /// A JWT without a usable `sub`, or with an extension that must be understood (`crit`).
    case unusable
    /// A ticket that is forged, expired or for another claim.
    case badTicket = "bad_ticket"
    /// Refused without a look at the token, because its address sent too many that were refused.
    case limited
}

/// Counts refused tokens by reason.
struct TokenFailureMetrics: Sendable {
    private let counters = Dictionary(
        uniqueKeysWithValues: TokenFailure.allCases.map {
            ($0, Counter(label: "claims.auth.failures", dimensions: [("reason", $0.rawValue)]))
        })

    func count(_ failure: TokenFailure) {
        counters[failure]?.increment()
    }
}
