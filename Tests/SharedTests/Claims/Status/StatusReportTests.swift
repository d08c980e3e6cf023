import Redis
import RuntimeSupport
import Testing

@testable import Claims

@Suite struct StatusReportTests {
    private func worker(
        _ id: String, lanes: [Int: Int64], holding held: [Int: Int]? = nil, oldest: [Int: Timestamp]? = nil
    ) -> WorkerStatus {
        WorkerStatus(
            id: id, name: id, startedAt: Timestamp(milliseconds: 0), subscribedSince: lanes, unacknowledged: held,
            oldestAcceptance: oldest)
    }

    private func report(
        ready: [Int] = [0, 0], live: [WorkerStatus], recent: [String]? = nil, memory: RedisMemory? = nil
    ) -> StatusReport {
        let lanes = ready.enumerated().map { lane, messages in
            QueueDepths.Queue(name: "claims.work.\(lane)", kind: .lane(lane), messages: messages)
        }
        let dead = QueueDepths.Queue(name: "claims.dead", kind: .deadLetters, messages: 7)
        return StatusReport(
            lanes: 2, depths: QueueDepths(lanes + [dead]), waiting: [nil, 70], live: live,
            recent: recent ?? live.map(\.id),
            memory: memory, now: Timestamp(milliseconds: 90_000))
    }

    @Test func messagesThatWorkersHoldAreAddedUpByLane() {
        let live = [
            worker("a", lanes: [0: 1, 1: 2], holding: [0: 500, 1: 3]),
            worker("b", lanes: [0: 2, 1: 1], holding: [1: 4]),
        ]
        let report = report(ready: [2, 0], live: live)
        #expect(report.queues.map(\.messages) == [2, 0, 7])
        #expect(report.queues.map(\.unacknowledged) == [500, 7, nil])
        #expect(report.workers.map(\.unacknowledged) == [503, 4])
        #expect(report.workers.map(\.lanes) == [[0], [1]])
        #expect(report.warnings == [])
    }

    @Test func aLaneShowsTheOldestClaimThatAWorkerHolds() {
        let (older, newer) = (Timestamp(milliseconds: 30_000), Timestamp(milliseconds: 50_000))
        let report = report(
            live: [
                worker("a", lanes: [0: 1, 1: 1], oldest: [0: newer]),
                worker("b", lanes: [0: 2, 1: 2], oldest: [0: older]),
            ])
        #expect(report.queues.map(\.oldestAge) == [60, nil, nil])
        #expect(report.queues[0].oldestPendingAt == older)
    }

    @Test func whatNeedsAttentionIsAWarning() {
        #expect(report(live: []).warnings.count { $0.contains("No worker") } == 1)
        let partial = report(live: [worker("a", lanes: [0: 1])])
        #expect(partial.warnings.map { $0.contains("Worker a is not subscribed") } == [true])
        #expect(partial.workers.map(\.isHealthy) == [false])
        let silent = report(live: [worker("a", lanes: [0: 1, 1: 1])], recent: ["a", "b"])
        #expect(silent.warnings.map { $0.contains("Worker b has stopped") } == [true])
        let full = RedisMemory(used: 9, limit: 10, policy: "noeviction", evictedKeys: 0)
        let redis = report(live: [worker("a", lanes: [0: 1, 1: 1])], memory: full)
        #expect(redis.warnings.map { $0.contains("90 %") } == [true])
    }

    @Test func aLaneOutsideOfTheNumberIsShownOnlyIfItHoldsMessages() {
        let live = [worker("a", lanes: [0: 1, 1: 1])]
        #expect(
            report(ready: [0, 0, 0], live: live).queues.map(\.name) == [
                "claims.work.0", "claims.work.1", "claims.dead",
            ])
        let unread = report(ready: [0, 0, 5], live: live)
        #expect(unread.queues.map(\.name).contains("claims.work.2"))
        #expect(unread.warnings.map { $0.hasPrefix("claims.work.2 holds 5 messages") } == [true])
    }
}
