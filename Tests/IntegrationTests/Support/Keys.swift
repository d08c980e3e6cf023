import Foundation
import Testing

/// API keys, as an operator manages them.
enum Keys {
    struct New: Decodable {
        let id, name, key: String
        let scopes: [String]
        let expiresAt: String?
    }

    static func create(_ scopes: String..., expires: String? = nil) async throws -> New {
        try await run(["create", "tests", "--scope"] + scopes + (expires.map { ["--expires", $0] } ?? []))
    }

    static func rotate(_ id: String, overlap: String) async throws -> New {
        try await run(["rotate", id, "--overlap", overlap])
    }

    static func revoke(_ id: String) async throws {
        let result = try await claimctl("key", "revoke", id)
        try #require(result.code == 0, "\(result)")
    }

    private static func run(_ arguments: [String]) async throws -> New {
        let result = try await Program.run("claimctl", ["key"] + arguments + ["--json"])
        try #require(result.code == 0, "\(result)")
        return try decode(New.self, from: Data(result.output.utf8))
    }
}
