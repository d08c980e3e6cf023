import Claims
import Foundation
import Settings

/// Where this run's own servers are, as `deploy/test` says in the environment.
enum Setup {
    private static let environment = ProcessInfo.processInfo.environment

    /// Whether there are servers to test with. `swift test` alone has none, and runs the unit tests only.
    static let isThere = environment["CLAIMS_TEST_DEPLOY"] != nil

    /// The scripts that start and stop servers.
    static let deploy = text("CLAIMS_TEST_DEPLOY")
    /// The folder with logs, process ids and `rabbitmqctl`.
    static let runFolder = text("CLAIMS_RUN_DIR")
    /// The port of the first ClaimAPI; the ones after it are for others.
    static let httpPort = Int(text("CLAIMS_HTTP_PORT")) ?? 0
    static let lanes = 8

    /// The folder with ClaimAPI, ClaimWorker and claimctl: they are built beside the tests.
    static let programs = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().path

    static func stores() throws -> StoreSettings {
        try StoreSettings(SettingReader())
    }

    /// This process's environment with some settings changed; an empty value takes one away.
    static func environment(with settings: [String: String]) -> [String: String] {
        environment.merging(settings) { $1 }.filter { !$0.value.isEmpty }
    }

    private static func text(_ name: String) -> String {
        guard let value = environment[name] else {
            preconditionFailure("\(name) is not set: run these tests through deploy/test")
        }
        return value
    }
}
