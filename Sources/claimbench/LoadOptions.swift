import ArgumentParser
import Foundation
import NIOCore

/// The arguments of a run.
struct LoadOptions: ParsableArguments {
    @Option(help: "Base URL of ClaimAPI, http only. Default: CLAIMS_URL, or http://127.0.0.1:8080.")
    var url: String?

    @Option(help: "Number of connections, each with one request at a time.")
    var connections = 64

    @Option(help: "Requests per second, at a fixed rate (open loop). Without it, each connection waits for its answer.")
    var rate: Double?

    @Option(help: "Seconds during which requests are sent. Default: 10, or no limit with --count.")
    var duration: Double?

    @Option(help: "Largest number of requests.")
    var count: Int?

    @Option(help: "Number of coupons, which take turns: PREFIX_0, PREFIX_1 … They need not exist to be accepted.")
    var coupons = 1

    @Option(help: "Beginning of the coupons' names.")
    var prefix = "BENCH"

    @Option(help: "Beginning of each idempotency key and user id. Default: random.")
    var run: String?

    @Option(help: "Longest time in seconds for connecting, and for an answer.")
    var timeout = 10.0

    @Option(help: ArgumentHelp("Another header field, for example 'Authorization: Bearer TOKEN'.", valueName: "header"))
    var header: [String] = []

    /// The longest run, and the longest timeout: one day, in seconds.
    private static let longest = 86400.0

    func validate() throws {
        guard (1...60000).contains(connections) else { throw ValidationError("--connections must be from 1 to 60000") }
        if let rate, !(rate >= 0.01 && rate <= 1_000_000) {
            throw ValidationError("--rate must be from 0.01 to 1000000 requests per second")
        }
        if let duration, !(duration > 0 && duration <= Self.longest) {
            throw ValidationError("--duration must be more than 0 and at most 86400 seconds")
        }
        guard timeout > 0, timeout <= Self.longest else {
            throw ValidationError("--timeout must be more than 0 and at most 86400 seconds")
        }
        if let count, count < 1 { throw ValidationError("--count must be 1 or more") }
        guard coupons >= 1 else { throw ValidationError("--coupons must be 1 or more") }
        guard Self.isWord(prefix, longest: 50) else {
            throw ValidationError("--prefix must be 1 to 50 letters, digits or underscores")
        }
        if let run, !Self.isWord(run, longest: 100) {
            throw ValidationError("--run must be 1 to 100 letters, digits or underscores")
        }
    }

    /// - Parameter defaultURL: the URL without `--url`.
    /// - Throws: `ValidationError` for a URL or a header field that cannot be used.
    func plan(defaultURL: String) throws -> LoadPlan {
        let url = url ?? defaultURL
        guard let components = URLComponents(string: url), components.scheme == "http", let host = components.host,
            !host.isEmpty, components.path.isEmpty || components.path == "/"
        else { throw ValidationError("the URL of ClaimAPI is '\(url)'; it must be http://HOST[:PORT]") }
        let port = components.port ?? 80
        let request = ClaimRequest(
            host: "\(host):\(port)", headers: try header.map(Self.field), run: run ?? Self.randomRun(),
            couponPrefix: prefix, coupons: coupons)
        let duration = duration ?? (count == nil ? 10 : nil)
        return LoadPlan(
            host: host.trimmingCharacters(in: ["[", "]"]), port: port, request: request, connections: connections,
            arrivals: rate.map { .openLoop(rate: $0) } ?? .closedLoop, duration: duration.map(Self.time), count: count,
            timeout: Self.time(timeout))
    }

    private static func time(_ seconds: Double) -> TimeAmount { .nanoseconds(Int64(seconds * 1e9)) }

    private static func randomRun() -> String { String(UInt64.random(in: 0 ... .max), radix: 36) }

    private static func isWord(_ text: String, longest: Int) -> Bool {
        (1...longest).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    private static func field(_ text: String) throws -> (name: String, value: String) {
        let parts = text.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
        guard parts.count == 2, !parts[0].isEmpty, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw ValidationError("--header must be 'NAME: VALUE' without control characters")
        }
        return (parts[0], parts[1])
    }
}
