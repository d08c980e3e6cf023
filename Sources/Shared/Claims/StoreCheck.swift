internal import Broker
internal import Foundation
package import Postgres
internal import Redis
internal import RuntimeSupport
package import Settings
internal import Synchronization

/// Checks that the stores suit a program: their versions, the schema and the number of lanes.
package enum StoreCheck {
    /// A store that answers, but does not suit.
    package enum Problem: Error, Hashable, Sendable {
        /// A setting contradicts the stores.
        case setting(SettingError)
        /// A server or its schema is too old. One sentence.
        case server(String)
    }

    /// Checks a new connection of ClaimAPI or ClaimWorker. The first one stores the number of lanes.
    ///
    /// - Throws: ``PostgresError``, with a ``PostgresError/Mismatch`` if the database does not suit.
    package static func check(_ connection: PostgresConnection, lanes: Int) throws(PostgresError) {
        try Schema.check(connection)
        try LaneCount.check(lanes, storesFirst: true, on: connection)
    }

    /// Connects to each store once, to all at the same time, and returns what does not suit.
    ///
    /// A store that cannot be reached is no problem: the program starts, and connects when the store is back. This takes as
    /// long as the slowest connection, up to 5 s.
    package static func problems(of stores: StoreSettings, name: String) async -> [Problem] {
        await withTaskGroup(of: Problem?.self) { group in
            group.addTask {
                await onThread { () throws(PostgresError) in
                    try check(PostgresConnection(stores.database, name: name), lanes: stores.lanes)
                } problem: { error in
                    switch error.mismatch {
                    case nil: nil
                    case .server: .server(error.message)
                    case .setting: .setting(SettingError(description: error.message))
                    }
                }
            }
            group.addTask {
                await onThread { () throws(RedisError) in
                    _ = try RedisConnection(stores.redis, timeout: .seconds(2))
                } problem: { error in
                    error.isMismatch ? .server("\(error)") : nil
                }
            }
            for address in stores.brokers {
                group.addTask {
                    await onThread { () throws(BrokerError) in
                        try AMQPConnection(address, heartbeat: 10, name: name).close()
                    } problem: { error in
                        error.kind == .mismatch ? .server("\(error)") : nil
                    }
                }
            }
            return await group.reduce(into: []) { problems, problem in if let problem { problems.append(problem) } }
        }
    }

    /// Prints the problems and exits, unless all stores that can be reached suit the program.
    ///
    /// The exit code is 64 for a setting, as for other invalid settings, and 1 for a server.
    package static func exitUnlessSuitable(_ stores: StoreSettings, program: String) async {
        let problems = await problems(of: stores, name: "\(program) start")
        for case .server(let sentence) in problems {
            FileHandle.standardError.write(Data("\(program): \(sentence)\n".utf8))
        }
        for case .setting(let error) in problems { error.exitProcess(program: program) }
        if !problems.isEmpty { exit(1) }
    }

    private static func onThread<Failure: Error>(
        _ body: @escaping @Sendable () throws(Failure) -> Void,
        problem: @escaping @Sendable (Failure) -> Problem?
    ) async -> Problem? {
        let found = Mutex<Problem?>(nil)
        await BlockingThread.run(name: "store-check") {
            do throws(Failure) {
                try body()
            } catch {
                let problem = problem(error)
                found.withLock { $0 = problem }
            }
        }
        return found.withLock { $0 }
    }
}
