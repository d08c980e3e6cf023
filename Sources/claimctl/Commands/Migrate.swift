import ArgumentParser
import Claims
import Postgres
import Settings

/// `claimctl migrate`
struct Migrate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Update the database schema.",
        discussion: """
            Safe to run at any time, also several times at once and while the programs run: each migration is applied \
            once, in order. A migration that cannot lock a table at once, because a long transaction uses it, tries \
            again for up to 10 minutes, so that no claim waits behind it.
            """)

    @OptionGroup var output: OutputOptions

    func run() throws {
        let url = try StoreSettings.database(SettingReader())
        let connection = try PostgresConnection(
            url, name: "claimctl migrate", timeouts: .init(answer: .seconds(3600)))
        let applied = try Schema.migrator().migrate(on: connection) { Terminal.note(Self.line($0)) }
        if output.json {
            try Output.document(["applied": applied])
        } else {
            Output.line(applied.isEmpty ? "the schema is up to date" : "applied \(applied.joined(separator: ", "))")
        }
    }

    private static func line(_ progress: Migrator.Progress) -> String {
        switch progress {
        case .applying(let migration):
            return "applying \(migration.name)"
        case .waitingForOther:
            return "waiting for another migration of this database"
        case .waitingForLock(let migration, let longest, let pause):
            let cause = longest.map { " (the longest one: \($0))" } ?? ""
            return "\(migration.name) waits for a transaction that uses its tables\(cause); next try in \(pause)"
        }
    }
}
