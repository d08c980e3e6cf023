import Claims
import Foundation
import Settings

/// The servers of this test run, as `deploy/test` passes them in the environment.
enum Setup {
    private static let environment = ProcessInfo.processInfo.environment

    /// Whether servers are available. `swift test` alone starts none and runs only the unit tests.
    static let isAvailable = environment["CLAIMS_TEST_DEPLOY"] != nil

    /// The scripts that start and stop servers.
    static let deploy = text("CLAIMS_TEST_DEPLOY")
    /// The folder with logs, process ids and `rabbitmqctl`.
    static let runFolder = text("CLAIMS_RUN_DIR")
    /// The port of the first ClaimAPI. Further ones use the next ports.
    static let httpPort = Int(text("CLAIMS_HTTP_PORT")) ?? 0
    static let lanes = 8
    /// Prometheus' tool that checks the text of metrics.
    static let promtool = text("CLAIMS_TEST_PROMTOOL")

    /// The folder of ClaimAPI, ClaimWorker and claimctl, which are built next to the tests.
    static let programs = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().path

    static func stores() throws -> StoreSettings {
        try StoreSettings(SettingReader())
    }

    /// Returns the environment with changed settings. An empty value removes a setting.
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
