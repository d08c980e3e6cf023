import Claims
import Foundation
import Postgres
import Redis
import Synchronization
import Testing

/// The system under test: its programs, and the invariants that must hold after every test.
final class System: Sendable {
    @TaskLocal private static var running: System?

    /// The system of the running suite.
    static var current: System {
        guard let running else { preconditionFailure("the suite has no trait .system") }
        return running
    }

    let ledger = API.Ledger()
    private let workers: Int
    private let settings: [String: String]
    private let programs = Mutex<[Program]>([])

    init(workers: Int, settings: [String: String]) {
        self.workers = workers
        self.settings = settings
    }

    // MARK: Programs

    /// The first ClaimAPI, which every suite has.
    var api: API { API(port: Setup.httpPort, ledger: ledger) }

    /// Returns the program that was started with this name.
    func program(_ name: String) throws -> Program {
        try #require(programs.withLock { $0.last { $0.name == name } }, "no \(name) was started")
    }

    /// Starts a ClaimAPI and waits until it is ready, with connections to all stores. It is ready without some of them.
    func startAPI(
        _ name: String = "api", port: Int = Setup.httpPort, _ more: [String: String] = [:]
    ) async throws -> API {
        let program = try Program(
            "ClaimAPI", name: name,
            settings: settings.merging(more) { $1 }.merging(["CLAIMS_HTTP_PORT": String(port)]) { $1 })
        programs.withLock { $0.append(program) }
        let api = API(port: port, ledger: ledger)
        try await eventually("\(name) to be ready", within: .seconds(30), every: .milliseconds(20)) {
            guard program.isRunning else { throw TestFailure(description: "\(name) has exited") }
            let answer = try await api.get("/readyz")
            return answer.status == 200
                && ["redis", "postgres"].allSatisfy { answer.text.contains("\"\($0)\":\"ok\"") }
        }
        return api
    }

    /// Starts a ClaimWorker and waits for its heartbeats.
    ///
    /// - Parameter subscribed: whether to wait until it is subscribed to every lane. It subscribes to none during an outage.
    @discardableResult
    func startWorker(
        _ name: String, _ more: [String: String] = [:], subscribed: Bool = true
    ) async throws -> Program {
        let program = try Program(
            "ClaimWorker", name: name,
            settings: settings.merging(more) { $1 }.merging(["CLAIMS_WORKER_NAME": name]) { $1 })
        programs.withLock { $0.append(program) }
        try await eventually("worker \(name) to be live", within: .seconds(30)) {
            guard program.isRunning else { throw TestFailure(description: "\(name) has exited") }
            guard let status = try Self.status(of: program) else { return false }
            return !subscribed || status.subscribedSince.count == Setup.lanes
        }
        return program
    }

    /// Returns the status that a worker reports with its heartbeats; nil if it is not live.
    static func status(of program: Program) throws -> WorkerStatus? {
        let redis = try RedisConnection(try Setup.stores().redis, timeout: .seconds(2))
        return try WorkerRegistry.live(on: redis).first { $0.id.hasPrefix("\(program.name)-\(program.pid)-") }
    }

    // MARK: Before and after a test

    /// Restores the programs of the suite: replaces those that an earlier test disturbed, and stops additional ones.
    func prepare() async throws {
        _ = ledger.takeAll()
        let wanted = Set((0..<workers).map { "worker-\($0 + 1)" } + ["api"])
        await end { !$0.isReusable || !wanted.contains($0.name) }
        let running = Set(programs.withLock { $0.map(\.name) })
        if !running.contains("api") { _ = try await startAPI() }
        for name in wanted.subtracting(running).sorted() where name != "api" { try await startWorker(name) }
        try await recover()
    }

    /// Waits until the API is connected to all servers. After an outage its connections are restored one by one.
    func recover() async throws {
        try await eventually("the API to recover", within: .seconds(30)) {
            let answers = try await concurrently(Array(0..<16)) { [api] _ in
                try await api.get("/coupons?limit=1").status
            }
            // Changes have connections of their own.
            let changes = try await concurrently(Array(0..<8)) { [api] _ in
                try await api.send(
                    "PATCH", "/coupons/NO_SUCH_COUPON", headers: [("Content-Type", "application/json")], body: "{}"
                ).status
            }
            let ready = try await api.get("/readyz").status
            return ready == 200 && answers.allSatisfy { $0 == 200 } && changes.allSatisfy { $0 == 404 }
        }
    }

    /// Stops programs, by default all.
    func end(where isOver: (Program) -> Bool = { _ in true }) async {
        let ending = programs.withLock { programs in
            let ending = programs.filter(isOver)
            programs.removeAll(where: isOver)
            return ending
        }
        for program in ending { program.signal(SIGTERM) }
        for program in ending { await program.stop() }
    }

    /// Checks the invariants: each accepted claim has an outcome, the API agrees with the rows, and the audit reports no
    /// violation.
    func check() async throws {
        let ids = ledger.takeAll()
        let api = api
        let claims = try await concurrently(ids, atMost: 128) { id in try await api.claim(id, wait: 30) }
        let pending = claims.filter { $0.status == "pending" }
        #expect(
            pending.count == 0, "\(pending.count) of \(ids.count) accepted claims have no outcome: \(pending.prefix(3))"
        )
        // A pending cancellation may change a claim between the two reads.
        try await eventually("all claims to agree with their rows", within: .seconds(10)) {
            let claims = try await concurrently(ids, atMost: 128) { id in try await api.claim(id) }
            let rows = try Database.rows(
                "select id, status, reason, user_id, coupon_name, attempts from claims where id = any($1)", columns: 6,
                .texts(ids))
            let stored = Dictionary(uniqueKeysWithValues: rows.map { ($0[0], Array($0.dropFirst())) })
            let wrong = claims.filter { claim in
                stored[claim.id]
                    != [claim.status, claim.reason, claim.userId, claim.couponName, claim.attempts.map(String.init)]
            }
            guard wrong.isEmpty else {
                throw TestFailure(description: "\(wrong.count) claims differ from their rows: \(wrong.prefix(3))")
            }
            return true
        }
        let audit = try await claimctl("audit")
        #expect(audit.code == 0, "\(audit.text)")
    }

    fileprivate func run(_ suite: () async throws -> Void) async throws {
        let migration = try await claimctl("migrate")
        try #require(migration.code == 0, "\(migration.text)")
        try Database.empty()
        do {
            try await Self.$running.withValue(self) { try await suite() }
        } catch {
            await end()
            throw error
        }
        await end()
    }
}

/// Runs `claimctl` against the servers of this test run.
func claimctl(_ arguments: String..., settings: [String: String] = [:]) async throws -> Program.Result {
    try await Program.run("claimctl", arguments, settings: settings)
}

/// Starts one ClaimAPI and some workers for a suite, and stops them after its last test.
struct SystemTrait: SuiteTrait, TestScoping {
    let workers: Int
    let settings: [String: String]
    var isRecursive: Bool { false }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await System(workers: workers, settings: settings).run { try await function() }
    }
}

/// Restores the programs before every test of a suite, and checks the invariants after it.
struct CheckTrait: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await System.current.prepare()
        do {
            try await function()
            try await System.current.check()
        } catch {
            try await Server.startAll()
            throw error
        }
    }
}

extension Trait where Self == SystemTrait {
    /// One ClaimAPI and `workers` workers, with these settings.
    static func system(workers: Int = 1, _ settings: [String: String] = [:]) -> Self {
        SystemTrait(workers: workers, settings: settings)
    }
}

extension Trait where Self == CheckTrait {
    /// Checks the invariants after each test, see ``System/check()``.
    static var checked: Self { CheckTrait() }
}

/// The tests with real servers, one after another. `deploy/test` starts the servers; without it the tests are skipped.
@Suite(
    .serialized,
    .enabled(if: Setup.isAvailable, "these tests need private servers; run deploy/test"))
enum IntegrationTests {}
