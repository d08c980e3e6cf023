import Foundation
import Synchronization
import Testing

extension IntegrationTests {
    /// The overview of what happens, once and as a stream.
    @Suite(.system(workers: 1), .checked)
    struct Overview {
        let system = System.current
        var api: API { system.api }

        private struct Document: Decodable {
            struct Stores: Decodable { let rabbitmq, redis, postgres: String }
            struct Lane: Decodable {
                let lane: Int
                let worker: String?
                let waiting, messages: Int?
            }
            struct Worker: Decodable {
                let id: String
                let healthy: Bool
            }
            struct Outcome: Decodable, Equatable {
                let status: String
                let reason: String?
                let count: Int
            }
            let stores: Stores
            let acceptedPerSecond, decidedPerSecond: Double?
            let lanes: [Lane]
            let workers: [Worker]
            let outcomes: [Outcome]
            let deadLetters: Int?
            let history: [[Double?]]?
        }

        private final class Counter: Sendable {
            let count = Mutex(0)
        }

        /// Opens the stream, and passes each event to `visit` until it returns true.
        private func follow(_ visit: @Sendable (Document) async throws -> Bool) async throws {
            for try await block in try await api.stream("/overview/events") {
                guard case .event("overview", _, let data) = block else { continue }
                if try await visit(try decode(Document.self, from: Data(data.utf8))) { return }
            }
            throw TestFailure(description: "the stream has ended")
        }

        @Test func theStreamShowsClaimsAsTheyAreAcceptedAndDecided() async throws {
            let coupon = try await api.coupon("OVERVIEW", amount: 3)
            let first = try await decode(Document.self, from: api.get("/overview").body)
            #expect(first.stores.rabbitmq == "ok" && first.stores.redis == "ok" && first.stores.postgres == "ok")
            #expect(first.history == nil)
            let seen = Counter()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await follow { document in
                        if seen.count.withLock({ $0 }) == 0 { #expect(document.history != nil) }
                        seen.count.withLock { $0 += 1 }
                        let sold = document.outcomes.first { $0.reason == "sold_out" }?.count ?? 0
                        let claimed = document.outcomes.first { $0.status == "claimed" }?.count ?? 0
                        let lanesHaveWorkers = document.lanes.allSatisfy { $0.worker == document.workers.first?.id }
                        return sold == 7 && claimed == 3 && lanesHaveWorkers && document.deadLetters != nil
                            && document.lanes.allSatisfy { $0.messages != nil }
                    }
                }
                // The windows begin with the first event.
                try await eventually("two events") { seen.count.withLock { $0 } >= 2 }
                _ = try await api.outcomes((1...10).map { API.Order(user: "u\($0)", coupon: coupon) })
                try await group.waitForAll()
            }
        }

        @Test func withoutAServerTheOverviewSaysWhich() async throws {
            for server in [Server.redis, .postgres] {
                try await server.stop()
                try await eventually("\(server) away") {
                    let document = try await decode(Document.self, from: api.get("/overview").body)
                    let state = server == .redis ? document.stores.redis : document.stores.postgres
                    return state != "ok"
                }
                try await server.start()
                try await eventually("\(server) back") {
                    let document = try await decode(Document.self, from: api.get("/overview").body)
                    return document.stores.redis == "ok" && document.stores.postgres == "ok"
                }
            }
        }

        @Test func manyWatchersCostOneLook() async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        var events = 0
                        for try await case .event("overview", _, _) in try await api.stream("/overview/events") {
                            events += 1
                            if events == 3 { return }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}
