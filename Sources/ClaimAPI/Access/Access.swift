import Claims
import Foundation
import Logging
import Redis
import ServiceLifecycle
import Settings

/// The parts of the API that decide who may use it, built from the settings.
struct Access: Sendable {
    let gate: Gate
    let tickets: ClaimTickets
    /// What runs in the background.
    let services: [any Service]

    /// - Parameter name: names the connections to PostgreSQL.
    /// - Throws: ``SettingError`` if the file with the keys can't be used.
    init(_ settings: APISettings, redis: RedisClient, name: String, logger: Logger) async throws(SettingError) {
        let access = settings.access
        tickets = ClaimTickets(secrets: settings.idSecrets)
        let limits = RateLimits(access.limits, redis: redis)
        let browsers = BrowserCheck(
            origins: Set(access.corsOrigins ?? []), requiresLocalHost: access.mode == .auto && access.isOpenOnLoopback)
        Self.log(access, settings, logger)
        guard access.requiresTokens else {
            gate = Gate(access: nil, limits: limits, browsers: browsers)
            services = []
            return
        }
        let keys = APIKeyDirectory(settings.stores.database, name: "\(name) keys", logger: logger)
        var services: [any Service] = [keys]
        var verifier: TokenVerifier?
        if let tokens = access.tokens {
            let cache = TokenCache()
            let set = KeySetStore(tokens.source, cache: cache, logger: logger)
            if case .file(let path) = tokens.source { try await Self.load(path, into: set) }
            services.append(set)
            verifier = TokenVerifier(keys: set, expectation: tokens.expectation, cache: cache)
        }
        gate = Gate(
            access: AccessControl(
                keys: keys, tokens: verifier, tickets: tickets, failures: FailureLimit(access.failures)),
            limits: limits, browsers: browsers)
        self.services = services
    }

    /// Loads the keys of a file before the start, since a wrong file is a wrong setting.
    private static func load(_ path: String, into set: KeySetStore) async throws(SettingError) {
        let name = AccessSettings.jwks.name
        guard let json = try? Data(contentsOf: URL(fileURLWithPath: path)) else {
            throw SettingError(
                description: "\(name) must be \(KeySetSource.rule), not \"\(path)\", which can't be read")
        }
        do throws(KeySet.Unusable) {
            try await set.use(json)
        } catch {
            throw SettingError(description: "\(name): the file \"\(path)\" can't be used: \(error)")
        }
    }

    private static func log(_ access: AccessSettings, _ settings: APISettings, _ logger: Logger) {
        let address = "\(settings.host):\(settings.port)"
        switch (access.mode, access.requiresTokens) {
        case (.off, _):
            logger.warning(
                "CLAIMS_AUTH is off: everyone who reaches the address may use the whole API",
                metadata: ["http.address": "\(address)"])
        case (_, false):
            logger.notice(
                "no token is required, because the API listens on loopback only; CLAIMS_AUTH=required changes that",
                metadata: ["http.address": "\(address)"])
        case (_, true):
            logger.info(
                "tokens are required",
                metadata: [
                    "http.address": "\(address)", "access.users": access.tokens == nil ? "none" : "JWT",
                    "access.services": "API key",
                ])
        }
        if access.certificates == nil, !Loopback.contains(settings.host), access.requiresTokens {
            logger.warning(
                "tokens arrive without encryption unless a proxy adds it; CLAIMS_TLS_CERT and CLAIMS_TLS_KEY turn on HTTPS",
                metadata: ["http.address": "\(address)"])
        }
    }
}
