import Claims
import Foundation
import HTTPTypes
import Hummingbird
import Postgres
import RuntimeSupport

/// The routes for the API keys of services.
struct KeyRoutes: Sendable {
    let postgres: PostgresClient
    /// For changes.
    let changes: PostgresClient

    var endpoints: [Endpoint] {
        [
            Endpoint(
                "/keys",
                [
                    .get: { _, _ in try await list() },
                    .post: { request, context in try await create(request, context) },
                ]),
            Endpoint("/keys/{id}", [.delete: { request, context in try await revoke(request, context) }]),
            Endpoint("/keys/{id}/rotate", [.post: { request, context in try await rotate(request, context) }]),
        ]
    }

    private func list() async throws -> Response {
        let keys = try await postgres.run { connection throws(PostgresError) in try APIKeyStore(connection).list() }
        return try .json(["keys": keys])
    }

    private struct NewKey: Decodable {
        let name: String
        let scopes: [String]
        let expires_in: String?
    }

    private func create(_ request: Request, _ context: APIContext) async throws -> Response {
        let body = try await request.json(NewKey.self)
        guard (1...APIKeyStore.longestName).contains(body.name.unicodeScalars.count),
            body.name.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
        else {
            throw Problem.invalidBody(
                "name must be 1 to \(APIKeyStore.longestName) characters without control characters.")
        }
        let scopes = body.scopes.compactMap(Scope.init(rawValue:))
        guard !scopes.isEmpty, scopes.count == body.scopes.count else {
            let known = Scope.allCases.map(\.rawValue).joined(separator: ", ")
            throw Problem.invalidBody("scopes must be one or more of \(known).")
        }
        let seconds = try body.expires_in.map { try Self.span($0, "expires_in", shortest: 1) }
        let operatorName = context.caller.operatorName
        let key = try await changes.run { connection throws(PostgresError) in
            try APIKeyStore(connection).create(
                body.name, Scopes(scopes), expiresAfter: seconds, by: operatorName)
        }
        return try Self.created(key)
    }

    private func revoke(_ request: Request, _ context: APIContext) async throws -> Response {
        let id = context.pathParameter("id")
        let operatorName = context.caller.operatorName
        let revoked = try await changes.run { connection throws(PostgresError) in
            try APIKeyStore(connection).revoke(id, by: operatorName)
        }
        guard let key = revoked else { throw Problem.keyNotFound }
        return try .json(key)
    }

    private struct Rotation: Decodable {
        let overlap: String?
    }

    private func rotate(_ request: Request, _ context: APIContext) async throws -> Response {
        let body = try await request.json(Rotation.self)
        let overlap = try Self.span(body.overlap ?? "1h", "overlap", shortest: 0)
        let id = context.pathParameter("id")
        let operatorName = context.caller.operatorName
        let (new, old) = try await changes.run { connection throws(PostgresError) in
            let store = APIKeyStore(connection)
            let new = try store.rotate(id, overlap: overlap, by: operatorName)
            return (new, new == nil ? try store.list().first { $0.id == id } : nil)
        }
        guard let new else { throw old.map { .keyNotActive($0.status(at: .now())) } ?? Problem.keyNotFound }
        return try Self.created(new)
    }

    /// A new key is shown once, so no cache may keep the answer.
    private static func created(_ key: NewAPIKey) throws -> Response {
        var response = try Response.json(key, status: .created)
        response.headers[.cacheControl] = "no-store"
        return response
    }

    private static func span(_ text: String, _ field: String, shortest: Int) throws(Problem) -> Int {
        guard let seconds = TimeSpan.seconds(text), (shortest...315_360_000).contains(seconds) else {
            throw .invalidBody("\(field) must be a time span such as 90d or 1h, at most 3650d.")
        }
        return seconds
    }
}
