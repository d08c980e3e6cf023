import ArgumentParser
import Foundation
import NIOCore
import NIOPosix
import RuntimeSupport

@main
struct ClaimBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "claimbench",
        abstract: "Send claims to ClaimAPI, each with its own idempotency key and user, and measure the answers.",
        discussion: """
            With --rate, requests start at a fixed rate, and a latency counts from the moment at which its request should \
            have started, also if all connections were busy then (open loop). A stall of the server is visible in the \
            percentiles with its full length. Without --rate, each connection sends its next request after the last \
            answer (closed loop), which measures the highest throughput.

            Exit codes: 0 requests were answered, with any status; 1 ClaimAPI could not be reached or has answered none; \
            64 wrong usage.
            """)

    @OptionGroup var load: LoadOptions

    @Flag(help: "Print the result as a JSON document.")
    var json = false

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let plan = try load.plan(defaultURL: environment["CLAIMS_URL"] ?? "http://127.0.0.1:8080")
        RuntimeSupport.Process.ignoreBrokenPipes()
        RuntimeSupport.Process.allowManyConnections()

        // One thread is enough for more requests than ClaimAPI can answer beside it, and it needs no locks.
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let eventLoop = group.next()
        let progress = ProgressLine()
        let before = CPUTime.now
        let result: LoadResult
        do {
            result = try await eventLoop.flatSubmit {
                LoadGenerator(plan, on: eventLoop, reportsProgress: progress.show).run()
            }.get()
        } catch {
            progress.clear()
            throw fails("\(error); start it with deploy/up")
        }
        progress.clear()
        let report = LoadReport(result, of: plan, cpuTime: CPUTime.now - before)
        try await group.shutdownGracefully()
        print(json ? String(decoding: try OrderedJSONEncoder().encode(report), as: UTF8.self) : report.text)
        if result.measurements.answered == 0 { throw fails("\(report.url) has answered no request") }
    }

    /// Prints an error.
    ///
    /// - Returns: the exit code of a failure.
    private func fails(_ message: String) -> ExitCode {
        try? FileHandle.standardError.write(contentsOf: Data("claimbench: \(message)\n".utf8))
        return ExitCode(1)
    }
}

/// The CPU time that this process has used.
enum CPUTime {
    static var now: Duration {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return .seconds(Int(time.tv_sec)) + .nanoseconds(Int(time.tv_nsec))
    }
}
