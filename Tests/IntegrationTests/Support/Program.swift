import Foundation
import RuntimeSupport
import Synchronization

/// A program of the system that a test has started.
final class Program: Sendable {
    /// What a program that has ended left.
    struct Result: Sendable {
        let code: Int32
        let output: String
        let errors: String

        /// Everything that it printed.
        var text: String { output + errors }
    }

    let name: String
    private let process: Foundation.Process
    private let touched = Mutex(false)

    /// Starts it. What it prints is appended to the file `logs/test-NAME` of the run folder.
    init(_ program: String, name: String, arguments: [String] = [], settings: [String: String] = [:]) throws {
        self.name = name
        let log = "\(Setup.runFolder)/logs/test-\(name)"
        process = Foundation.Process()
        process.executableURL = URL(fileURLWithPath: "\(Setup.programs)/\(program)")
        process.arguments = arguments
        process.environment = Setup.environment(with: settings)
        process.standardInput = FileHandle.nullDevice
        let file = try FileHandle.appending(to: log)
        process.standardOutput = file
        process.standardError = file
        try process.start()
    }

    var pid: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }
    /// Whether it ended or was sent a signal, so that it is of no use for another test.
    var isTouched: Bool { touched.withLock { $0 } || !process.isRunning }

    func signal(_ number: Int32) {
        touched.withLock { $0 = true }
        if process.isRunning { kill(pid, number) }
    }

    /// Stops it for a while, as if its machine had frozen.
    func freeze() { signal(SIGSTOP) }
    func thaw() { signal(SIGCONT) }

    /// Waits for its end.
    ///
    /// - Returns: its exit code; for one that a signal ended, 128 and the signal's number, as in a shell.
    @discardableResult
    func end(within time: Duration) async throws -> Int32 {
        try await eventually("the end of \(name)", within: time, every: .milliseconds(10)) { !process.isRunning }
        return process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
    }

    /// Ends it, whatever it takes.
    func stop() async {
        signal(SIGTERM)
        signal(SIGCONT)
        if (try? await end(within: .seconds(12))) == nil {
            signal(SIGKILL)
            _ = try? await end(within: .seconds(5))
        }
    }

    /// Runs a program to its end.
    ///
    /// - Parameter path: its name if it is one of ours, or its full path.
    static func run(
        _ path: String, _ arguments: [String] = [], settings: [String: String] = [:],
        within time: Duration = .seconds(90)
    ) async throws -> Result {
        let process = Foundation.Process()
        let file = path.hasPrefix("/") ? path : "\(Setup.programs)/\(path)"
        process.executableURL = URL(fileURLWithPath: file)
        process.arguments = arguments
        process.environment = Setup.environment(with: settings)
        process.standardInput = FileHandle.nullDevice
        // Files, because a pipe that nobody reads from meanwhile fills up.
        let paths = ["out", "err"].map { "\(Setup.runFolder)/logs/test-run-\(UUID().uuidString).\($0)" }
        defer { paths.forEach { try? FileManager.default.removeItem(atPath: $0) } }
        process.standardOutput = try FileHandle.appending(to: paths[0])
        process.standardError = try FileHandle.appending(to: paths[1])
        try process.start()
        do {
            try await eventually("the end of \(path) \(arguments)", within: time, every: .milliseconds(5)) {
                !process.isRunning
            }
        } catch {
            kill(process.processIdentifier, SIGKILL)
            throw error
        }
        let texts = try paths.map { String(decoding: try Data(contentsOf: URL(fileURLWithPath: $0)), as: UTF8.self) }
        return Result(code: process.terminationStatus, output: texts[0], errors: texts[1])
    }
}

extension Foundation.Process {
    /// Starts it with no signal blocked.
    ///
    /// The threads of Swift's pool block them all, and a child inherits that: a server that a test has started again
    /// would be deaf to SIGTERM for the rest of its life.
    fileprivate func start() throws {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try run()
    }
}

extension FileHandle {
    /// Opens a file to write at its end, and makes it if it is not there.
    fileprivate static func appending(to path: String) throws -> FileHandle {
        if !FileManager.default.fileExists(atPath: path) {
            _ = FileManager.default.createFile(atPath: path, contents: nil)
        }
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seekToEnd()
        return file
    }
}
