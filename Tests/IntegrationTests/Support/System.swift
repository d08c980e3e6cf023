import Claims
import Foundation
import Redis
import Synchronization
import Testing

/// The system under test: the programs that a test has started, and what it must have come to in the end.
final class System: Sendable {
    @TaskLocal private static var running: System?

    /// The system of the suite that is running.
    static var current: System {
        guard let running else { preconditionFailure("only tests of a suite with .system have one") }
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

    /// The first ClaimAPI; every suite has it.
    var api: API { API(port: Setup.httpPort, ledger: ledger) }

    /// A program that was started under this name.
    func program(_ name: String) throws -> Program {
        try #require(programs.withLock { $0.last { $0.name == name } }, "no \(name) was started")
    }

    /// Starts one more ClaimAPI and waits until it is ready.
    func startAPI(
        _ name: String = "api", port: Int = Setup.httpPort, _ more: [String: String] = [:]
    ) async throws -> API {
        let program = try Program(
            "ClaimAPI", name: name,
            settings: settings.merging(more) { $1 }.merging(["CLAIMS_HTTP_PORT": String(port)]) { $1 })
        programs.withLock { $0.append(program) }
        let api = API(port: port, ledger: ledger)
        try await eventually("\(name) to be ready", within: .seconds(30), every: .milliseconds(20)) {
            guard program.isRunning else { throw Waited(description: "\(name) has ended") }
            return try await api.get("/readyz").status == 200
        }
        return api
    }

    /// Starts one more ClaimWorker and waits until it stands in line for every lane.
    @discardableResult
    func startWorker(_ name: String, _ more: [String: String] = [:]) async throws -> Program {
        let program = try Program(
            "ClaimWorker", name: name,
            settings: settings.merging(more) { $1 }.merging(["CLAIMS_WORKER_NAME": name]) { $1 })
        programs.withLock { $0.append(program) }
        try await eventually("worker \(name) to live", within: .seconds(30)) {
            guard program.isRunning else { throw Waited(description: "\(name) has ended") }
            return try Self.life(of: program)?.subscribedSince.count == Setup.lanes
        }
        return program
    }

    /// A worker's sign of life.
    static func life(of program: Program) throws -> WorkerStatus? {
        let redis = try RedisConnection(try Setup.stores().redis, timeout: .seconds(2))
        let ids = try redis.send(WorkerRegistry.recent).array?.compactMap(\.string) ?? []
        guard !ids.isEmpty else { return nil }
        return WorkerRegistry.living(try redis.send(WorkerRegistry.lives(ids)))
            .first { $0.id.hasPrefix("\(program.name)-\(program.pid)-") }
    }

    // MARK: A test's beginning and end

    /// Everything as the suite has it: what an earlier test has killed, frozen or added is replaced or ended.
    func prepare() async throws {
        _ = ledger.takeAll()
        let wanted = Set((0..<workers).map { "worker-\($0 + 1)" } + ["api"])
        await end { $0.isTouched || !wanted.contains($0.name) }
        let there = Set(programs.withLock { $0.map(\.name) })
        if !there.contains("api") { _ = try await startAPI() }
        for name in wanted.subtracting(there).sorted() where name != "api" { try await startWorker(name) }
        try await recover()
    }

    /// Waits until the API has all its servers again. After a server was away, its connections come back one by one.
    func recover() async throws {
        try await eventually("the API to be well", within: .seconds(30)) {
            let answers = try await concurrently(Array(0..<16)) { [api] _ in
                try await api.get("/coupons?limit=1").status
            }
            let ready = try await api.get("/readyz").status
            return ready == 200 && answers.allSatisfy { $0 == 200 }
        }
    }

    /// Ends programs, all of them unless told which.
    func end(where isOver: (Program) -> Bool = { _ in true }) async {
        let ending = programs.withLock { programs in
            let ending = programs.filter(isOver)
            programs.removeAll(where: isOver)
            return ending
        }
        for program in ending { program.signal(SIGTERM) }
        for program in ending { await program.stop() }
    }

    /// What must hold after every test: each 202 has its outcome, rows and answers agree, and the audit finds nothing.
    func check() async throws {
        let ids = ledger.takeAll()
        let api = api
        let claims = try await concurrently(ids, atMost: 128) { id in try await api.claim(id, wait: 30) }
        let pending = claims.filter { $0.status == "pending" }
        #expect(
            pending.count == 0, "\(pending.count) of \(ids.count) claims got a 202 and no outcome: \(pending.prefix(3))"
        )
        // What a test has begun (a cancel, say) may change a claim between the two looks.
        try await eventually("all claims to read as their rows", within: .seconds(10)) {
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
                throw Waited(description: "\(wrong.count) claims read otherwise than their rows: \(wrong.prefix(3))")
            }
            return true
        }
        let audit = try await claimctl("audit")
        #expect(audit.code == 0, "\(audit.text)")
    }

    fileprivate func run(_ suite: () async throws -> Void) async throws {
        let migration = try await claimctl("migrate")
        try #require(migration.code == 0, "\(migration.text)")
        do {
            try await Self.$running.withValue(self) { try await suite() }
        } catch {
            await end()
            throw error
        }
        await end()
    }
}

/// `claimctl` against this run's servers.
func claimctl(_ arguments: String..., settings: [String: String] = [:]) async throws -> Program.Result {
    try await Program.run("claimctl", arguments, settings: settings)
}

/// Gives a suite a system with one ClaimAPI and so many workers, ended after its last test.
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

/// Begins and ends every test of a suite: the programs stand as they should, and afterwards everything adds up.
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
    /// One ClaimAPI and so many workers, with these settings.
    static func system(workers: Int = 1, _ settings: [String: String] = [:]) -> Self {
        SystemTrait(workers: workers, settings: settings)
    }
}

extension Trait where Self == CheckTrait {
    /// After each test every 202 has its outcome and the audit finds nothing.
    static var checked: Self { CheckTrait() }
}

/// The tests on real servers, one after another. `deploy/test` starts the servers; without them there is nothing to do.
@Suite(
    .serialized,
    .enabled(if: Setup.isThere, "these tests need servers of their own; deploy/test starts them and runs all tests"))
enum IntegrationTests {}
