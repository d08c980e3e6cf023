package import RuntimeSupport

/// An API key as operators see it, without its secret.
package struct APIKey: Encodable, Hashable, Sendable {
    package let id: String
    /// The service that uses the key.
    package let name: String
    package let scopes: Scopes
    package let createdAt: Timestamp
    package let createdBy: String
    /// Nil for a key that does not expire.
    package let expiresAt: Timestamp?
    package let revokedAt: Timestamp?

    /// Whether a key can be used.
    package enum Status: String, Encodable, Hashable, Sendable {
        case active, expired, revoked
    }

    package func status(at now: Timestamp) -> Status {
        if revokedAt != nil { return .revoked }
        return expiresAt.map { $0 <= now } == true ? .expired : .active
    }

    package enum CodingKeys: String, CodingKey {
        case id, name, scopes, status
        case createdAt = "created_at"
        case createdBy = "created_by"
        case expiresAt = "expires_at"
        case revokedAt = "revoked_at"
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(name, forKey: .name)
        try container.encode(scopes.names, forKey: .scopes)
        try container.encode(status(at: .now()), forKey: .status)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encode(createdBy, forKey: .createdBy)
        try container.encode(expiresAt, forKey: .expiresAt)
        try container.encode(revokedAt, forKey: .revokedAt)
    }
}

/// A new key with its secret, which is shown once.
package struct NewAPIKey: Encodable, Sendable {
    package let id: String
    package let name: String
    /// The whole key.
    package let key: String
    package let scopes: [String]
    package let expiresAt: Timestamp?

    package enum CodingKeys: String, CodingKey {
        case id, name, key, scopes
        case expiresAt = "expires_at"
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(name, forKey: .name)
        try container.encode(key, forKey: .key)
        try container.encode(scopes, forKey: .scopes)
        try container.encode(expiresAt, forKey: .expiresAt)
    }
}
