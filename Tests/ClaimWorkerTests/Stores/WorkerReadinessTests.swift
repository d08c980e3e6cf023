import Admin
import Logging
import Postgres
import Redis
import Testing

@testable import ClaimWorker

@Suite struct WorkerReadinessTests {
    private let lanes = (0..<3).map { LaneControl(lane: $0) }
    private let health = StoreHealth(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }) {}

    private var readiness: Readiness { Readiness(lanes: lanes, stores: health) }

    private func subscribeToAll() {
        for lane in lanes { lane.subscribed() }
    }

    @Test func aWorkerThatHasProbedNothingIsNotReady() {
        subscribeToAll()
        #expect(
            readiness.missing == "Claims cannot be decided. redis: not probed yet; postgres: not probed yet.")
    }

    @Test func aWorkerThatHasNotConnectedIsNotReady() {
        health.probed([])
        #expect(
            readiness.missing
                == "Claims cannot be decided. rabbitmq: not connected yet; no subscription to lane 0, 1, 2.")
    }

    @Test func aWorkerIsReadyWithAllLanesAndStores() {
        subscribeToAll()
        health.probed([])
        #expect(readiness.missing == nil)
        #expect(readiness.stores.allSatisfy { $0.unavailableReason == nil })
    }

    @Test func theLanesWithoutASubscriptionAreNamed() {
        subscribeToAll()
        health.probed([])
        lanes[1].unsubscribed()
        #expect(readiness.missing == "Claims cannot be decided. no subscription to lane 1.")
        lanes[2].unsubscribed(failure: "connection refused")
        #expect(
            readiness.missing
                == "Claims cannot be decided. rabbitmq: connection refused; no subscription to lane 1, 2.")
        subscribeToAll()
        #expect(readiness.missing == nil)
    }

    @Test func eachUnavailableStoreIsNamed() {
        subscribeToAll()
        health.probed([.redis(RedisError("no answer")), .postgres(PostgresError(sqlState: nil, message: "full disk"))])
        let reasons = readiness.stores.map { $0.unavailableReason != nil }
        #expect(reasons == [false, true, true])
        health.probed([.postgres(PostgresError(sqlState: nil, message: "full disk"))])
        #expect(readiness.stores.map { $0.unavailableReason != nil } == [false, false, true])
        health.probed([])
        #expect(readiness.missing == nil)
    }
}
