package import Postgres
package import RuntimeSupport

/// API keys in PostgreSQL. Every change is recorded in the audit trail, in the same statement.
package struct APIKeyStore {
    private let connection: PostgresConnection

    package init(_ connection: PostgresConnection) {
        self.connection = connection
    }

    /// The channel that announces changes of keys.
    package static let changes = "claims_api_keys"
    /// The longest name in characters.
    package static let longestName = 100

    /// Creates a key.
    ///
    /// - Parameters:
    ///   - seconds: the time until it expires; nil for never.
    ///   - operatorName: who creates it.
    package func create(
        _ name: String, _ scopes: Scopes, expiresAfter seconds: Int?, by operatorName: String
    ) throws(PostgresError) -> NewAPIKey {
        let token = APIKeyToken()
        let rows = try connection.execute(
            """
            with made as (
                insert into api_keys (id, name, scopes, key_hash, created_by, expires_at)
                values ($1, $2, $3, $4, $5, now() + $6 * interval '1 second')
                returning id, name, expires_at
            ), \(OperatorLog.recorded(.keyCreate, after: "made", subject: "made.id", operator: "$5", detail: "$7"))
            select \(PostgresRows.milliseconds("expires_at")) from made
            """,
            [
                .text(token.id), .text(name), .texts(scopes.names), .text(APIKeyToken.hexadecimal(token.hash)),
                .text(operatorName), .integer(seconds), .text("\(name): \(scopes.names.joined(separator: " "))"),
            ])
        return NewAPIKey(
            id: token.id, name: name, key: token.text, scopes: scopes.names, expiresAt: rows.timestamp(0, 0))
    }

    /// Returns all keys, the oldest first.
    package func list() throws(PostgresError) -> [APIKey] {
        Self.keys(try connection.execute("select \(Self.columns) from api_keys order by created_at, id"))
    }

    /// Revokes a key. Every API process refuses it within 2 s. A key that is revoked already keeps its time.
    ///
    /// - Returns: nil if the key does not exist.
    package func revoke(_ id: String, by operatorName: String) throws(PostgresError) -> APIKey? {
        let results = try connection.transaction([
            PostgresQuery(
                """
                with revoked as (
                    update api_keys set revoked_at = now() where id = $1 and revoked_at is null returning id, name
                ), \(OperatorLog.recorded(
                    .keyRevoke, after: "revoked", subject: "revoked.id", operator: "$2", detail: "revoked.name"))
                select from revoked
                """, [.text(id), .text(operatorName)]),
            PostgresQuery("select \(Self.columns) from api_keys where id = $1", [.text(id)]),
        ])
        return Self.keys(results[1]).first
    }

    /// Replaces a key by a new one with the same name, scopes and length of life. The old one is refused after the
    /// overlap.
    ///
    /// - Parameter overlap: seconds.
    /// - Returns: nil if there is no active key of this id.
    package func rotate(
        _ id: String, overlap: Int, by operatorName: String
    ) throws(PostgresError) -> NewAPIKey? {
        let token = APIKeyToken()
        let rows = try connection.execute(
            """
            with old as (
                update api_keys set expires_at = least(expires_at, now() + $2 * interval '1 second')
                where id = $1 and revoked_at is null and coalesce(expires_at > now(), true)
                returning *
            ), before as (
                select expires_at - created_at as lifetime from api_keys where id = $1
            ), made as (
                insert into api_keys (id, name, scopes, key_hash, created_by, expires_at)
                select $3, old.name, old.scopes, $4, $5, now() + before.lifetime from old, before
                returning *
            ), \(OperatorLog.recorded(
                .keyRotate, after: "made", subject: "$1", operator: "$5", detail: "'new key ' || made.id"))
            select \(Self.columns) from made
            """,
            [
                .text(id), .integer(overlap), .text(token.id), .text(APIKeyToken.hexadecimal(token.hash)),
                .text(operatorName),
            ])
        return Self.keys(rows).first.map { key in
            NewAPIKey(
                id: key.id, name: key.name, key: token.text, scopes: key.scopes.names, expiresAt: key.expiresAt)
        }
    }

    private static let columns =
        "id, name, array_to_string(scopes, ' '), created_by, "
        + ["created_at", "expires_at", "revoked_at"].map(PostgresRows.milliseconds).joined(separator: ", ")

    private static func keys(_ rows: PostgresRows) -> [APIKey] {
        (0..<rows.count).compactMap { row in
            guard let id = rows.text(row, 0), let name = rows.text(row, 1), let createdBy = rows.text(row, 3),
                let createdAt = rows.timestamp(row, 4)
            else { return nil }
            return APIKey(
                id: id, name: name, scopes: Scopes(named: rows.text(row, 2)), createdAt: createdAt,
                createdBy: createdBy, expiresAt: rows.timestamp(row, 5), revokedAt: rows.timestamp(row, 6))
        }
    }

    // MARK: For API processes

    /// The keys that can be used, with the number of the last change.
    package struct Snapshot: Sendable {
        package struct Key: Sendable {
            package let id: String
            package let name: String
            package let scopes: Scopes
            package let hash: [UInt8]
            package let expiresAt: Timestamp?

            package init(id: String, name: String, scopes: Scopes, hash: [UInt8], expiresAt: Timestamp?) {
                self.id = id
                self.name = name
                self.scopes = scopes
                self.hash = hash
                self.expiresAt = expiresAt
            }
        }

        /// Rises with every change of any key.
        package let number: Int
        package let keys: [Key]
    }

    /// Returns the keys that are not revoked.
    ///
    /// - Parameter number: the number of the last snapshot.
    /// - Returns: nil if nothing has changed since that snapshot.
    package func snapshot(after number: Int?) throws(PostgresError) -> Snapshot? {
        // Read before the keys, so that a change in between is read again.
        let current =
            try connection.execute("select value from system_settings where name = 'api_keys'").integer(0, 0) ?? 0
        guard current != number else { return nil }
        let rows = try connection.execute(
            """
            select id, name, array_to_string(scopes, ' '), key_hash, \(PostgresRows.milliseconds("expires_at"))
            from api_keys where revoked_at is null and coalesce(expires_at > now(), true)
            """)
        let keys = (0..<rows.count).compactMap { row -> Snapshot.Key? in
            guard let id = rows.text(row, 0), let name = rows.text(row, 1), let hash = rows.text(row, 3) else {
                return nil
            }
            return Snapshot.Key(
                id: id, name: name, scopes: Scopes(named: rows.text(row, 2)), hash: Self.bytes(hexadecimal: hash),
                expiresAt: rows.timestamp(row, 4))
        }
        return Snapshot(number: current, keys: keys)
    }

    private static func bytes(hexadecimal text: String) -> [UInt8] {
        let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue.map { UInt8($0) } }
        return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}

extension Scopes {
    /// Reads names that are separated by spaces. Unknown ones, of a newer version, allow nothing here.
    fileprivate init(named text: String?) {
        self.init((text ?? "").split(separator: " ").compactMap { Scope(rawValue: String($0)) })
    }
}
