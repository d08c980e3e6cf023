import Claims
import Settings

/// The settings of who may use the API, how often, and over which connections.
struct AccessSettings: Sendable {
    /// Whether tokens are required.
    enum Mode: String, Sendable {
        /// Open on loopback without `CLAIMS_JWKS`, required otherwise.
        case auto
        case required
        case off
    }

    /// How users' tokens are verified.
    struct Tokens: Sendable {
        var source: KeySetSource
        var expectation: WebToken.Expectation
    }

    var mode: Mode
    /// Nil without `CLAIMS_JWKS`: then only services are admitted.
    var tokens: Tokens?
    /// Whether requests need a token.
    var requiresTokens: Bool
    /// Whether requests need no token and can come only from this machine.
    var isOpenOnLoopback: Bool
    var limits: RateLimits.Configuration
    /// Nil for no limit.
    var failures: RatePolicy?
    /// Nil without CORS.
    var corsOrigins: [String]?
    /// Nil for plain HTTP.
    var certificates: Certificates.Files?

    static let auth = Setting(
        "CLAIMS_AUTH", defaultValue: "auto",
        help: "auto (no token needed on loopback without CLAIMS_JWKS), required or off")
    static let jwks = Setting(
        "CLAIMS_JWKS", defaultValue: "", help: "JSON Web Key Set that verifies users' JWTs: a file or an https:// URL")
    static let issuer = Setting(
        "CLAIMS_JWT_ISSUER", defaultValue: "", help: "The iss of users' JWTs; required with CLAIMS_JWKS")
    static let audience = Setting(
        "CLAIMS_JWT_AUDIENCE", defaultValue: "", help: "An aud of users' JWTs; required with CLAIMS_JWKS")
    static let rateUser = Setting(
        "CLAIMS_RATE_USER", defaultValue: "", help: "Most requests of a user, as COUNT/SECONDS; 429 for further ones")
    static let rateKey = Setting(
        "CLAIMS_RATE_KEY", defaultValue: "", help: "Most requests with an API key, as COUNT/SECONDS")
    static let rateAddress = Setting(
        "CLAIMS_RATE_ADDRESS", defaultValue: "", help: "Most requests from a client address, as COUNT/SECONDS")
    static let pending = Setting(
        "CLAIMS_PENDING_PER_USER", defaultValue: "",
        help: "Most pending claims of a user for a coupon, such as 20; 429 for further ones")
    static let authFailures = Setting(
        "CLAIMS_RATE_FAILURES", defaultValue: "1000/60",
        help: "Most refused tokens from a client address, as COUNT/SECONDS, or off")
    static let cors = Setting(
        "CLAIMS_CORS_ORIGINS", defaultValue: "",
        help: "Origins whose scripts may use the API, such as https://shop.example, separated by commas")
    static let certificate = Setting(
        "CLAIMS_TLS_CERT", defaultValue: "", help: "PEM file with the certificate chain for HTTPS; reread on SIGHUP")
    static let certificateKey = Setting(
        "CLAIMS_TLS_KEY", defaultValue: "", help: "PEM file with the private key for HTTPS; reread on SIGHUP")

    static let all = [
        auth, jwks, issuer, audience, rateUser, rateKey, rateAddress, pending, authFailures, cors, certificate,
        certificateKey,
    ]

    /// - Parameter host: the address that the API listens on.
    init(_ reader: SettingReader, host: String) throws(SettingError) {
        mode = try reader.value(Self.auth, mustBe: "auto, required or off", Mode.init(rawValue:))
        tokens = try Self.tokens(reader)
        requiresTokens =
            switch mode {
            case .auto: tokens != nil || !Loopback.contains(host)
            case .required: true
            case .off: false
            }
        isOpenOnLoopback = !requiresTokens && Loopback.contains(host)
        limits = RateLimits.Configuration(
            user: try Self.policy(reader, Self.rateUser, name: "user"),
            key: try Self.policy(reader, Self.rateKey, name: "key"),
            address: try Self.policy(reader, Self.rateAddress, name: "address"),
            pendingPerUser: try Self.optional(reader, Self.pending, mustBe: "a whole number from 1 to 1000") { text in
                Int(text).flatMap { (1...1000).contains($0) ? $0 : nil }
            })
        failures =
            try reader.text(Self.authFailures) == "off"
            ? nil : try Self.policy(reader, Self.authFailures, name: "failures")
        corsOrigins = try Self.optional(
            reader, Self.cors, mustBe: "a list of origins like https://shop.example, separated by commas",
            CORS<APIContext>.origins)
        certificates = try Self.files(reader)
    }

    private static func tokens(_ reader: SettingReader) throws(SettingError) -> Tokens? {
        guard let source = try optional(reader, jwks, mustBe: KeySetSource.rule, KeySetSource.init) else { return nil }
        // A token for another application must not be accepted.
        for setting in [issuer, audience] where try reader.text(setting).isEmpty {
            throw SettingError(description: "\(setting.name) is not set: \(setting.help)")
        }
        return Tokens(
            source: source,
            expectation: WebToken.Expectation(issuer: try reader.text(issuer), audience: try reader.text(audience)))
    }

    private static func files(_ reader: SettingReader) throws(SettingError) -> Certificates.Files? {
        let (chain, key) = (try reader.text(certificate), try reader.text(certificateKey))
        guard chain.isEmpty == key.isEmpty else {
            let missing = chain.isEmpty ? certificate : certificateKey
            throw SettingError(description: "\(missing.name) is not set: \(missing.help)")
        }
        return chain.isEmpty ? nil : Certificates.Files(chain: chain, key: key)
    }

    private static func policy(
        _ reader: SettingReader, _ setting: Setting, name: String
    ) throws(SettingError) -> RatePolicy? {
        try optional(reader, setting, mustBe: RatePolicy.rule) { RatePolicy($0, name: name) }
    }

    /// Returns the parsed value; nil if the setting is not set.
    private static func optional<Value>(
        _ reader: SettingReader, _ setting: Setting, mustBe rule: String, _ parse: (String) -> Value?
    ) throws(SettingError) -> Value? {
        try reader.text(setting).isEmpty ? nil : try reader.value(setting, mustBe: rule, parse)
    }
}
