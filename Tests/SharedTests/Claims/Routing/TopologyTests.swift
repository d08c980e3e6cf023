import Claims
import Testing

/// Names that operators, scripts and other versions rely on.
@Suite struct TopologyTests {
    @Test func theQueuesAreNamedAsInTheContract() {
        #expect((0..<2).map(Topology.workQueue) == ["claims.work.0", "claims.work.1"])
        #expect((0..<2).map(Topology.retry) == ["claims.retry.0", "claims.retry.1"])
        #expect(Topology.deadQueue == "claims.dead")
    }

    @Test func aLanesRoutingKeyIsItsNumber() {
        #expect(Topology.routingKey(lane: 7) == "7")
    }
}
