import ArgumentParser
import Claims
import Postgres
import RuntimeSupport
import Settings

/// `claimctl key`
struct KeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Manage the API keys of services.",
        discussion: "Scopes: \(Scope.allCases.map(\.rawValue).joined(separator: ", "))",
        subcommands: [Create.self, List.self, Revoke.self, Rotate.self])

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a key and print it. It can't be shown again.",
            discussion: "Example: claimctl key create checkout --scope claims:write claims:read --expires 90d")

        @Argument(help: "The service that uses the key.")
        var name: String

        @Option(
            name: .long, parsing: .upToNextOption,
            help: ArgumentHelp("What the key allows; one or more.", valueName: "scope"))
        var scope: [String] = []

        @Option(name: .long, help: "The time until the key expires, such as 90d. (default: never)")
        var expires: String?

        @OptionGroup var output: OutputOptions

        func run() throws {
            guard (1...APIKeyStore.longestName).contains(name.unicodeScalars.count),
                name.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
            else {
                throw Failure.usage(
                    "the name must be 1 to \(APIKeyStore.longestName) characters without control characters")
            }
            let scopes = try scope.flatMap { $0.split(separator: ",") }.map { text in
                guard let scope = Scope(rawValue: String(text)) else {
                    let known = Scope.allCases.map(\.rawValue).joined(separator: ", ")
                    throw Failure.usage("--scope must be one of \(known), not \"\(text)\"")
                }
                return scope
            }
            guard !scopes.isEmpty else { throw Failure.usage("give at least one --scope") }
            let seconds = try expires.map { try span($0, "--expires", shortest: 1) }
            show(
                try keyStore().create(name, Scopes(scopes), expiresAfter: seconds, by: Terminal.userName), output)
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the keys, without their secrets.")

        @OptionGroup var output: OutputOptions

        func run() throws {
            let keys = try keyStore().list()
            if output.json { return try Output.documents(keys) }
            let now = Timestamp.now()
            Output.table(
                Table(
                    [
                        .init("ID"), .init("NAME", canShrink: true), .init("STATUS"), .init("EXPIRES"),
                        .init("SCOPES", canShrink: true),
                    ],
                    keys.map { key in
                        [
                            key.id, key.name, key.status(at: now).rawValue, key.expiresAt?.description ?? "-",
                            key.scopes.names.joined(separator: " "),
                        ]
                    }))
        }
    }

    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Revoke a key. Every ClaimAPI refuses it within 2 seconds.")

        @Argument(help: "The key's id, as claimctl key list shows it.")
        var id: String

        @OptionGroup var output: OutputOptions

        func run() throws {
            guard let key = try keyStore().revoke(keyID(id), by: Terminal.userName) else {
                throw Failure.nothingMatched("no key \(keyID(id))")
            }
            if output.json { return try Output.document(key) }
            Output.line("the key \(key.id) of \(key.name) is revoked".printable)
        }
    }

    struct Rotate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Replace a key by a new one with the same name, scopes and length of life, and print it.",
            discussion: "Example: claimctl key rotate 4h1k9v0cn2m7q8b3 --overlap 1h")

        @Argument(help: "The id of the key to replace.")
        var id: String

        @Option(name: .long, help: "The time for which the old key stays valid.")
        var overlap = "1h"

        @OptionGroup var output: OutputOptions

        func run() throws {
            let store = try keyStore()
            let seconds = try span(overlap, "--overlap", shortest: 0)
            if let new = try store.rotate(keyID(id), overlap: seconds, by: Terminal.userName) {
                return show(new, output)
            }
            guard let old = try store.list().first(where: { $0.id == keyID(id) }) else {
                throw Failure.nothingMatched("no key \(keyID(id))")
            }
            throw Failure.failed(
                "the key \(old.id) is \(old.status(at: .now()).rawValue), so it can't be rotated; create a new one")
        }
    }
}

private func keyStore() throws -> APIKeyStore {
    let connection = try PostgresConnection(try StoreSettings.database(SettingReader()), name: "claimctl key")
    try Schema.check(connection)
    return APIKeyStore(connection)
}

/// Returns the id also if the whole key was given, which must not be printed.
private func keyID(_ text: String) -> String {
    APIKeyToken(text)?.id ?? (text.hasPrefix(APIKeyToken.prefix) ? String(text.dropFirst(3).prefix(16)) : text)
}

private func span(_ text: String, _ option: String, shortest: Int) throws -> Int {
    guard let seconds = TimeSpan.seconds(text), (shortest...315_360_000).contains(seconds) else {
        throw Failure.usage("\(option) must be a time such as 90d or 1h, at most 3650d")
    }
    return seconds
}

private func show(_ key: NewAPIKey, _ output: OutputOptions) {
    if output.json, let document = try? Output.json(key) { return Output.line(document) }
    Output.fields([
        ("id", key.id), ("name", key.name), ("scopes", key.scopes.joined(separator: " ")),
        ("expires", key.expiresAt?.description ?? "never"), ("key", key.key),
    ])
    Terminal.note("The key is not stored and can't be shown again.")
}
