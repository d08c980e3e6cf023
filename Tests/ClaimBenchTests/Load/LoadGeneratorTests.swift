import NIOCore
import NIOPosix
import Testing

@testable import claimbench

@Suite struct LoadGeneratorTests {
    private static func run(
        port: Int, connections: Int = 1, arrivals: LoadPlan.Arrivals = .closedLoop, duration: TimeAmount? = nil,
        count: Int? = nil, timeout: TimeAmount = .seconds(30)
    ) async throws -> LoadResult {
        let plan = LoadPlan(
            host: "127.0.0.1", port: port,
            request: ClaimRequest(host: "localhost", headers: [], run: "run", couponPrefix: "C", coupons: 1),
            connections: connections, arrivals: arrivals, duration: duration, count: count, timeout: timeout)
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        return try await eventLoop.flatSubmit {
            LoadGenerator(plan, on: eventLoop) { _, _ in }.run()
        }.get()
    }

    @Test(arguments: [LoadPlan.Arrivals.closedLoop, .openLoop(rate: 5000)])
    func aCountIsSentExactlyAndEachRequestOnce(_ arrivals: LoadPlan.Arrivals) async throws {
        try await TestServer.run(answer: { _ in .status(202) }) { server in
            let result = try await Self.run(port: server.port, connections: 7, arrivals: arrivals, count: 500)
            #expect(result.measurements.sent == 500 && result.measurements.acceptedCount == 500)
            #expect(result.measurements.failures == [:] && result.measurements.unsent == 0)
            #expect(Set(server.keys) == Set((0..<500).map { "run-\($0)" }) && server.keys.count == 500)
        }
    }

    @Test func inAnOpenLoopAStallCountsForEachRequestThatIsDueDuringIt() async throws {
        // Request n is due after 5 n ms. The first answer comes after 500 ms, and there is one connection.
        try await TestServer.run(answer: { $0 == 0 ? .delayed(.milliseconds(500)) : .status(202) }) { server in
            let result = try await Self.run(port: server.port, arrivals: .openLoop(rate: 200), count: 100)
            let latencies = result.measurements.latencies
            #expect(latencies.count == 100)
            #expect(latencies.milliseconds(atPercentile: 50) >= 240)
            #expect(latencies.milliseconds(atPercentile: 90) >= 440)
        }
    }

    @Test func inAClosedLoopAStallCountsOnce() async throws {
        try await TestServer.run(answer: { $0 == 0 ? .delayed(.milliseconds(500)) : .status(202) }) { server in
            let result = try await Self.run(port: server.port, count: 100)
            #expect(result.measurements.latencies.maximum >= 500)
            // The requests after the stall start when they are sent, so they do not include it.
            #expect(result.measurements.delays.count == 100 && result.measurements.delays.maximum == 0)
        }
    }

    @Test func requestsThatFindNoConnectionBeforeTheEndAreReportedAsUnsent() async throws {
        try await TestServer.run(answer: { _ in .none }) { server in
            let result = try await Self.run(
                port: server.port, arrivals: .openLoop(rate: 1000), duration: .milliseconds(100),
                timeout: .milliseconds(100))
            let measurements = result.measurements
            #expect(measurements.acceptedCount == 0 && measurements.failures[.timeout] == measurements.sent)
            #expect(measurements.unsent > 0 && measurements.sent + measurements.unsent == 100)
            #expect(measurements.latencies.count == 100, "each request that was due counts")
        }
    }

    @Test func answersWithAnotherStatusAreCountedApart() async throws {
        try await TestServer.run(answer: { $0.isMultiple(of: 4) ? .status(503) : .status(202) }) { server in
            let measurements = try await Self.run(port: server.port, connections: 3, count: 100).measurements
            #expect(measurements.answers == [202: 75, 503: 25])
            #expect(measurements.latencies.count == 75 && measurements.refusalLatencies.count == 25)
        }
    }

    @Test func aConnectionThatTheServerClosesIsReplaced() async throws {
        try await TestServer.run(answer: { $0 < 5 ? .statusAndClose(202) : .status(202) }) { server in
            let measurements = try await Self.run(port: server.port, connections: 2, count: 20).measurements
            #expect(measurements.acceptedCount == 20 && measurements.failures == [:])
        }
    }

    @Test func aRequestWhoseConnectionIsLostIsAFailureAndNotSentAgain() async throws {
        try await TestServer.run(answer: { $0 == 3 ? .close : .status(202) }) { server in
            let measurements = try await Self.run(port: server.port, connections: 2, count: 20).measurements
            #expect(measurements.acceptedCount == 19 && measurements.failures == [.connectionLost: 1])
            #expect(server.keys.count == 20)
        }
    }

    @Test func aDurationEndsAClosedLoop() async throws {
        try await TestServer.run(answer: { _ in .status(202) }) { server in
            let result = try await Self.run(port: server.port, connections: 2, duration: .milliseconds(50))
            #expect(result.measurements.sent > 0 && result.measurements.sent == result.measurements.acceptedCount)
        }
    }

    @Test func aServerThatCannotBeReachedIsNamed() async throws {
        let port = try await TestServer.run(answer: { _ in .none }) { $0.port }  // closed afterwards
        let error = await #expect(throws: Unreachable.self) { try await Self.run(port: port, count: 1) }
        #expect(error?.description.contains("http://127.0.0.1:\(port) can't be reached") == true)
        #expect(error?.opened == 0)
    }
}
