import Foundation
import Testing

/// One of this run's own servers.
enum Server: String, CaseIterable {
    case postgres, redis, rabbitmq

    /// Sends a signal to the server's own process.
    func signal(_ number: Int32) throws {
        kill(try pid(), number)
    }

    /// Ends it as a loss of power would, and waits until the last of its threads is gone, and its sockets with it.
    func kill9() async throws {
        let pid = try pid()
        kill(pid, SIGKILL)
        try await eventually("the end of \(self)", within: .seconds(10), every: .milliseconds(5)) {
            let threads = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")
            let state = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
            return threads == nil || threads?.count == 1 && state?.contains(") Z ") != false
        }
    }

    private func pid() throws -> Int32 {
        let text = try String(contentsOfFile: "\(Setup.runFolder)/pids/\(rawValue)", encoding: .utf8)
        return try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    func stop() async throws { try await Self.script("stop", rawValue) }

    /// Starts it if it does not serve, and returns when it does.
    func start() async throws { try await Self.script("start", rawValue) }

    /// All that should serve, serve again. After a test that failed in between.
    static func startAll() async throws {
        for server in allCases { try? server.signal(SIGCONT) }
        try await script("start", "all")
    }

    private static func script(_ action: String, _ name: String) async throws {
        let result = try await Program.run("\(Setup.deploy)/server", [action, name], within: .seconds(120))
        if result.code != 0 { throw Waited(description: "deploy/server \(action) \(name): \(result.text)") }
    }
}

/// `rabbitmqctl` for this run's node.
func rabbitmqctl(_ arguments: String...) async throws -> String {
    let result = try await Program.run("\(Setup.runFolder)/bin/rabbitmqctl", arguments)
    if result.code != 0 { throw Waited(description: "rabbitmqctl \(arguments): \(result.text)") }
    return result.output
}
