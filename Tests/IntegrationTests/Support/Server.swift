import Foundation
import Testing

/// A private server of this test run.
enum Server: String, CaseIterable {
    case postgres, redis, rabbitmq

    /// Sends a signal to the server process.
    func signal(_ number: Int32) throws {
        kill(try pid(), number)
    }

    /// Kills the server, and waits until all its threads have ended and its sockets are closed.
    func kill9() async throws {
        let pid = try pid()
        kill(pid, SIGKILL)
        try await eventually("\(self) to exit", within: .seconds(10), every: .milliseconds(5)) {
            let threads = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")
            let state = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
            return threads == nil || threads?.count == 1 && state?.contains(") Z ") != false
        }
    }

    private func pid() throws -> Int32 {
        let text = try String(contentsOfFile: "\(Setup.runFolder)/pids/\(rawValue)", encoding: .utf8)
        return try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    /// Stops the server.
    func stop() async throws { try await Self.script("stop", rawValue) }

    /// Starts the server if it is not running, and waits until it is ready.
    func start() async throws { try await Self.script("start", rawValue) }

    /// Starts all servers that are not running, and resumes frozen ones, after a failed test.
    static func startAll() async throws {
        for server in allCases { try? server.signal(SIGCONT) }
        try await script("start", "all")
    }

    private static func script(_ action: String, _ name: String) async throws {
        let result = try await Program.run("\(Setup.deploy)/server", [action, name], within: .seconds(120))
        if result.code != 0 { throw TestFailure(description: "deploy/server \(action) \(name): \(result.text)") }
    }
}

/// Runs `rabbitmqctl` for the node of this test run.
func rabbitmqctl(_ arguments: String...) async throws -> String {
    let result = try await Program.run("\(Setup.runFolder)/bin/rabbitmqctl", arguments)
    if result.code != 0 { throw TestFailure(description: "rabbitmqctl \(arguments): \(result.text)") }
    return result.output
}
