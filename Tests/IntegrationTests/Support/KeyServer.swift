import Foundation
import Testing

/// An HTTP server that publishes the keys of an issuer, and counts how often it is asked.
final class KeyServer: Sendable {
    let url: String
    private let process: Foundation.Process
    private let scratch: Scratch
    private let log: String

    init(port: Int, _ issuer: Issuer) async throws {
        scratch = try Scratch()
        url = "http://127.0.0.1:\(port)/jwks.json"
        log = "\(scratch.path)/log"
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        process = Foundation.Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", "-u", "-m", "http.server", String(port), "--bind", "127.0.0.1", "--directory", scratch.path,
        ]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        process.standardInput = FileHandle.nullDevice
        try publish(issuer)
        try process.run()
        try await eventually("the key server") {
            try await Program.run("/usr/bin/curl", ["-sf", url]).code == 0
        }
    }

    deinit {
        stop()
    }

    func publish(_ issuer: Issuer) throws {
        _ = try scratch.write("jwks.json", try issuer.keySet())
    }

    /// How often the keys were read.
    var requests: Int {
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").count { $0.contains("GET /jwks.json") }
    }

    /// Stops answering, without closing connections.
    func freeze() { kill(process.processIdentifier, SIGSTOP) }
    func thaw() { kill(process.processIdentifier, SIGCONT) }

    func stop() {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
