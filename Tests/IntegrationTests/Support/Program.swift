import Foundation
import RuntimeSupport
import Synchronization

/// A running program of the system.
final class Program: Sendable {
    /// The exit code and the output of a program.
    struct Result: Sendable {
        let code: Int32
        let output: String
        let errors: String

        /// Standard output and standard error.
        var text: String { output + errors }
    }

    let name: String
    private let process: Foundation.Process
    private let wasSignaled = Mutex(false)

    /// Starts a program. Its output is appended to the file `logs/test-NAME` of the run folder.
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
    /// Whether another test can use the program: it is running and was never sent a signal.
    var isReusable: Bool { !wasSignaled.withLock { $0 } && process.isRunning }

    /// Sends a signal.
    func signal(_ number: Int32) {
        wasSignaled.withLock { $0 = true }
        if process.isRunning { kill(pid, number) }
    }

    /// Suspends the program until ``thaw()``.
    func freeze() { signal(SIGSTOP) }
    /// Resumes the program.
    func thaw() { signal(SIGCONT) }

    /// The highest number of bytes that were resident at any time until now; nil if the program has ended.
    var peakMemory: Int? {
        guard let status = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") })
        else { return nil }
        return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 << 10 }
    }

    /// Waits until the program exits.
    ///
    /// - Returns: the exit code, or 128 plus the number of the signal that ended the program, as in a shell.
    @discardableResult
    func end(within time: Duration) async throws -> Int32 {
        try await eventually("\(name) to exit", within: time, every: .milliseconds(10)) { !process.isRunning }
        return process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
    }

    /// Terminates the program, with SIGKILL if necessary.
    func stop() async {
        signal(SIGTERM)
        signal(SIGCONT)
        if (try? await end(within: .seconds(12))) == nil {
            signal(SIGKILL)
            _ = try? await end(within: .seconds(5))
        }
    }

    /// Runs a program until it exits.
    ///
    /// - Parameter path: the name of a program of the system, or an absolute path.
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
        // Files, because a pipe that is not read fills up and blocks the program.
        let paths = ["out", "err"].map { "\(Setup.runFolder)/logs/test-run-\(UUID().uuidString).\($0)" }
        defer { paths.forEach { try? FileManager.default.removeItem(atPath: $0) } }
        process.standardOutput = try FileHandle.appending(to: paths[0])
        process.standardError = try FileHandle.appending(to: paths[1])
        try process.start()
        do {
            try await eventually("\(path) \(arguments) to exit", within: time, every: .milliseconds(5)) {
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
    /// Starts the program with no signal blocked.
    ///
    /// The threads of Swift's pool block all signals, and child processes inherit the mask. A restarted server would ignore
    /// SIGTERM.
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
    /// Opens a file for appending. Creates it if it does not exist.
    fileprivate static func appending(to path: String) throws -> FileHandle {
        if !FileManager.default.fileExists(atPath: path) {
            _ = FileManager.default.createFile(atPath: path, contents: nil)
        }
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seekToEnd()
        return file
    }
}
