import Claims
import Foundation
import Observability
import Redis
import RuntimeSupport
import Testing

@Suite struct WorkerRegistryTests {
    private let life = WorkerStatus(
        id: "w-1", name: "w", startedAt: Timestamp(milliseconds: 1_795_368_454_123), subscribedSince: [0: 7, 5: 9])

    /// The sign of life as ``WorkerRegistry/show(_:metrics:)`` writes it.
    private func sign(_ life: WorkerStatus) -> RedisReply {
        .string(WorkerRegistry.show(life, metrics: [])[0][2])
    }

    @Test func aSignOfLifeFadesByItself() {
        let command = WorkerRegistry.show(life, metrics: [])[0]
        #expect(command.prefix(2) == ["SET", "claims:life:w-1"])
        #expect(command.suffix(2) == ["PX", "1400"])
    }

    /// The contract wants a killed worker's coupons claimed again within 3 s, the lock's 500 ms between tries included.
    @Test func aSignOfLifeFadesWellWithinThreeSeconds() {
        #expect(WorkerRegistry.lifetime + .milliseconds(500) < .seconds(3))
        #expect(WorkerRegistry.interval * 3 < WorkerRegistry.lifetime)
    }

    @Test func aSignOfLifeIsReadAsItWasShown() {
        #expect(WorkerRegistry.living(.array([sign(life)])) == [life])
    }

    @Test func theLivingStandInTheOrderOfTheirIDs() {
        var other = life
        other.id = "w-0"
        #expect(WorkerRegistry.living(.array([sign(life), sign(other)])).map(\.id) == ["w-0", "w-1"])
    }

    @Test func theDeadAndTheUnreadableArePassedOver() {
        let reply = RedisReply.array([.null, sign(life), .string("not json"), .integer(3)])
        #expect(WorkerRegistry.living(reply) == [life])
    }

    @Test(arguments: [RedisReply.null, .error("LOADING"), .array([])])
    func withoutAnAnswerNobodyLives(_ reply: RedisReply) {
        #expect(WorkerRegistry.living(reply).isEmpty)
    }

    @Test func signsAreAskedForByID() {
        #expect(WorkerRegistry.lives(["a", "b"]) == ["MGET", "claims:life:a", "claims:life:b"])
    }

    @Test func whoLeavesTakesItsSignAway() {
        #expect(WorkerRegistry.leave("w-1") == [["DEL", "claims:life:w-1"], ["ZREM", "claims:workers", "w-1"]])
    }

    @Test func metricsGoWithTheSignOfLife() throws {
        let family = MetricFamily(
            name: "claims_total", kind: .counter, help: "claims", samples: [.init(labels: ["a", "b"], value: 3)])
        let command = WorkerRegistry.show(life, metrics: [family])[1]
        #expect(command.prefix(2) == ["SET", "claims:metrics:w-1"])
        #expect(try JSONDecoder().decode([MetricFamily].self, from: Data(command[2].utf8)) == [family])
    }
}
