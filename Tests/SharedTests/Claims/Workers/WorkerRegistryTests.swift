import Claims
import Foundation
import Observability
import Redis
import RuntimeSupport
import Testing

@Suite struct WorkerRegistryTests {
    private let status = WorkerStatus(
        id: "w-1", name: "w", startedAt: Timestamp(milliseconds: 1_795_368_454_123), subscribedSince: [0: 7, 5: 9])

    /// The status as a heartbeat stores it.
    private func stored(_ status: WorkerStatus) -> RedisReply {
        .string(WorkerRegistry.heartbeat(status, metrics: []).commands[0][2])
    }

    private func live(_ reply: RedisReply) throws -> [WorkerStatus] {
        try WorkerRegistry.live(["w-0", "w-1"]).answer([reply])
    }

    // MARK: Heartbeats

    @Test func aHeartbeatExpires() {
        let command = WorkerRegistry.heartbeat(status, metrics: []).commands[0]
        #expect(command.prefix(2) == ["SET", "claims:life:w-1"])
        #expect(command.suffix(2) == ["PX", "1400"])
    }

    /// The contract promises that a killed worker's coupons are claimed again within 3 s. That includes the 500 ms
    /// between two tries of a lock.
    @Test func aHeartbeatExpiresWithinThreeSecondsAndOutlastsTwoMissedBeats() {
        #expect(WorkerRegistry.lifetime + .milliseconds(500) < .seconds(3))
        #expect(WorkerRegistry.interval * 3 < WorkerRegistry.lifetime)
    }

    @Test func aHeartbeatCarriesTheMetrics() throws {
        let family = MetricFamily(
            name: "claims_total", kind: .counter, help: "claims", samples: [.init(labels: ["a", "b"], value: 3)])
        let command = WorkerRegistry.heartbeat(status, metrics: [family]).commands[1]
        #expect(command.prefix(2) == ["SET", "claims:metrics:w-1"])
        #expect(try JSONDecoder().decode([MetricFamily].self, from: Data(command[2].utf8)) == [family])
    }

    @Test func aHeartbeatIsAnsweredWithTheRecentWorkers() throws {
        let request = WorkerRegistry.heartbeat(status, metrics: [])
        let ignored = Array(repeating: RedisReply.integer(1), count: request.commands.count - 1)
        #expect(request.commands.last == ["ZRANGE", "claims:workers", "0", "-1"])
        #expect(try request.answer((ignored + [.array([.string("w-0"), .string("w-1")])])[...]) == ["w-0", "w-1"])
        #expect(try request.answer((ignored + [.error("LOADING")])[...]).isEmpty)
    }

    @Test func leavingRemovesTheHeartbeat() {
        #expect(
            WorkerRegistry.leave("w-1").commands == [["DEL", "claims:life:w-1"], ["ZREM", "claims:workers", "w-1"]])
    }

    // MARK: Live workers

    @Test func liveWorkersAreLookedUpByID() {
        #expect(WorkerRegistry.live(["a", "b"]).commands == [["MGET", "claims:life:a", "claims:life:b"]])
    }

    @Test func withoutRecentWorkersNothingIsLookedUp() throws {
        let request = WorkerRegistry.live([])
        #expect(request.commands.isEmpty)
        #expect(try request.answer([]).isEmpty)
    }

    @Test func aStatusIsReadBackUnchanged() throws {
        #expect(try live(.array([stored(status)])) == [status])
    }

    @Test func liveWorkersAreOrderedByID() throws {
        var other = status
        other.id = "w-0"
        #expect(try live(.array([stored(status), stored(other)])).map(\.id) == ["w-0", "w-1"])
    }

    @Test func expiredAndUnreadableHeartbeatsAreSkipped() throws {
        #expect(try live(.array([.null, stored(status), .string("not json"), .integer(3)])) == [status])
    }

    @Test(arguments: [RedisReply.null, .error("LOADING"), .array([])])
    func withoutAReplyNoWorkerIsLive(_ reply: RedisReply) throws {
        #expect(try live(reply).isEmpty)
    }
}
