import Foundation
import Shared
import Testing

@Suite struct WorkerDirectoryTests {
    private let life = WorkerLife(
        id: "w-1", name: "w", startedAt: Timestamp(milliseconds: 1_795_368_454_123), subscribedSince: [0: 7, 5: 9])

    /// The sign of life as ``WorkerDirectory/show(_:metrics:)`` writes it.
    private func sign(_ life: WorkerLife) -> RedisReply {
        .string(WorkerDirectory.show(life, metrics: [])[0][2])
    }

    @Test func aSignOfLifeFadesByItself() {
        let command = WorkerDirectory.show(life, metrics: [])[0]
        #expect(command.prefix(2) == ["SET", "claims:life:w-1"])
        #expect(command.suffix(2) == ["PX", "1400"])
    }

    /// The contract wants a killed worker's coupons claimed again within 3 s, the lock's 500 ms between tries included.
    @Test func aSignOfLifeFadesWellWithinThreeSeconds() {
        #expect(WorkerDirectory.lifetime + .milliseconds(500) < .seconds(3))
        #expect(WorkerDirectory.interval * 3 < WorkerDirectory.lifetime)
    }

    @Test func aSignOfLifeIsReadAsItWasShown() {
        #expect(WorkerDirectory.living(.array([sign(life)])) == [life])
    }

    @Test func theLivingStandInTheOrderOfTheirIDs() {
        var other = life
        other.id = "w-0"
        #expect(WorkerDirectory.living(.array([sign(life), sign(other)])).map(\.id) == ["w-0", "w-1"])
    }

    @Test func theDeadAndTheUnreadableArePassedOver() {
        let reply = RedisReply.array([.null, sign(life), .string("not json"), .integer(3)])
        #expect(WorkerDirectory.living(reply) == [life])
    }

    @Test(arguments: [RedisReply.null, .error("LOADING"), .array([])])
    func withoutAnAnswerNobodyLives(_ reply: RedisReply) {
        #expect(WorkerDirectory.living(reply).isEmpty)
    }

    @Test func signsAreAskedForByID() {
        #expect(WorkerDirectory.lives(["a", "b"]) == ["MGET", "claims:life:a", "claims:life:b"])
    }

    @Test func whoLeavesTakesItsSignAway() {
        #expect(WorkerDirectory.leave("w-1") == [["DEL", "claims:life:w-1"], ["ZREM", "claims:workers", "w-1"]])
    }

    @Test func metricsGoWithTheSignOfLife() throws {
        let family = MetricFamily(
            name: "claims_total", kind: .counter, help: "claims", samples: [.init(labels: ["a", "b"], value: 3)])
        let command = WorkerDirectory.show(life, metrics: [family])[1]
        #expect(command.prefix(2) == ["SET", "claims:metrics:w-1"])
        #expect(try JSONDecoder().decode([MetricFamily].self, from: Data(command[2].utf8)) == [family])
    }
}
