import Observability
import Testing

@testable import ClaimAPI

@Suite struct DecisionWindowTests {
    private func families(
        _ worker: String, claimed: Double, soldOut: Double = 0, buckets: [(String, Double)] = []
    ) -> [MetricFamily] {
        [
            MetricFamily(
                name: "claims_decisions_total", kind: .counter, help: "",
                samples: [
                    .init(labels: ["status", "claimed", "reason", "", "worker", worker], value: claimed),
                    .init(labels: ["status", "rejected", "reason", "sold_out", "worker", worker], value: soldOut),
                ]),
            MetricFamily(
                name: "claims_decision_latency_seconds", kind: .histogram, help: "",
                samples: buckets.map { .init(suffix: "_bucket", labels: ["le", $0.0, "worker", worker], value: $0.1) }),
        ]
    }

    @Test func whatWasDecidedBeforeIsNotCounted() {
        var window = DecisionWindow()
        window.add(families("a", claimed: 1000))
        #expect(window.outcomes.isEmpty)
        window.add(families("a", claimed: 1003, soldOut: 7))
        #expect(
            window.outcomes == [
                .init(status: "rejected", reason: "sold_out", count: 7),
                .init(status: "claimed", reason: nil, count: 3),
            ])
    }

    @Test func aWorkerThatWasReplacedCountsFromZero() {
        var window = DecisionWindow()
        window.add(families("a", claimed: 1000))
        window.add(families("b", claimed: 4))
        #expect(window.outcomes.map(\.count) == [4])
    }

    @Test func aWorkerThatWasMissingForAMomentCountsFromWhereItWas() {
        var window = DecisionWindow()
        window.add(families("a", claimed: 1000))
        window.add(families("b", claimed: 4))
        window.add(families("a", claimed: 1010))
        #expect(window.outcomes.map(\.count) == [14])
    }

    @Test func quantilesAreReadOffTheBuckets() throws {
        var window = DecisionWindow()
        let before = [("0.01", 5.0), ("0.1", 5.0), ("+Inf", 5.0)]
        window.add(families("a", claimed: 0, buckets: before))
        #expect(window.latency == nil)
        window.add(families("a", claimed: 0, buckets: [("0.01", 105.0), ("0.1", 205.0), ("+Inf", 205.0)]))
        let latency = try #require(window.latency)
        #expect(abs(latency.p50 - 10) < 0.001)
        #expect(latency.p99 > 98 && latency.p99 < 100)
    }

    @Test func aLatencyAboveAllBucketsIsTheHighestBound() throws {
        var window = DecisionWindow()
        window.add(families("a", claimed: 0, buckets: [("0.01", 0), ("+Inf", 0)]))
        window.add(families("a", claimed: 0, buckets: [("0.01", 0), ("+Inf", 9)]))
        #expect(window.latency == .init(p50: 10, p99: 10))
    }

    @Test func onlyTheLastSecondsCount() {
        var window = DecisionWindow()
        for second in 0...DecisionWindow.outcomeSeconds + 50 { window.add(families("a", claimed: Double(second))) }
        #expect(window.outcomes.map(\.count) == [DecisionWindow.outcomeSeconds])
        window.reset()
        #expect(window.outcomes.isEmpty)
    }
}
