import ArgumentParser
import Claims
import Foundation
import Postgres
import Settings

/// `claimctl migrate`
struct Migrate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring the database's schema up to date.",
        discussion: "Safe to run at any time and by several at once; each migration is applied once, in order.")

    @OptionGroup var output: OutputOptions

    func run() throws {
        let url = try StoreSettings.databaseURL(SettingReader())
        let connection = try PostgresConnection(
            url, name: "claimctl migrate", timeouts: .init(answer: .seconds(3600)))
        let applied = try Migrator().migrate(on: connection) { migration in
            FileHandle.standardError.write(Data("applying \(migration.name)\n".utf8))
        }
        if output.json {
            try Output.document(["applied": applied])
        } else {
            Output.line(applied.isEmpty ? "the schema is up to date" : "applied \(applied.joined(separator: ", "))")
        }
    }
}
