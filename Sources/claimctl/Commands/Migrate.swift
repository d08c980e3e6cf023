import ArgumentParser
import Claims
import Postgres
import Settings

/// `claimctl migrate`
struct Migrate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Update the database schema.",
        discussion: "Safe to run at any time, also several times at once: each migration is applied once, in order.")

    @OptionGroup var output: OutputOptions

    func run() throws {
        let url = try StoreSettings.databaseURL(SettingReader())
        let connection = try PostgresConnection(
            url, name: "claimctl migrate", timeouts: .init(answer: .seconds(3600)))
        let applied = try Schema.migrator().migrate(on: connection) { migration in
            Terminal.note("applying \(migration.name)")
        }
        if output.json {
            try Output.document(["applied": applied])
        } else {
            Output.line(applied.isEmpty ? "the schema is up to date" : "applied \(applied.joined(separator: ", "))")
        }
    }
}
