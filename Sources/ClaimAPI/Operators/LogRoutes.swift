import Claims
import Hummingbird
import Postgres

/// The route of the audit trail: what operators changed.
struct LogRoutes: Sendable {
    let postgres: PostgresClient

    var endpoints: [Endpoint] {
        [Endpoint("/log", [.get: { request, _ in try await list(request) }])]
    }

    /// Returns a page of the actions, the newest first.
    private func list(_ request: Request) async throws -> Response {
        let page = try Page(request) { Int($0) != nil }
        let actions = try await postgres.run { connection throws(PostgresError) in
            try OperatorLog(connection).page(before: page.after.flatMap { Int($0) }, limit: page.limit + 1)
        }
        return try .json(page.listing("actions", of: actions, cursor: { String($0.number) }, as: \.action))
    }
}
