import Observability
import SeededRandom
import Telemetry
import Testing

@Suite struct TraceSamplerTests {
    private static let names = ["always_on", "always_off", "traceidratio"]

    private func parent(isSampled: Bool) -> TraceContext {
        TraceContext(traceID: TraceContext.TraceID(high: 1, low: 2), spanID: 3, isSampled: isSampled)
    }

    @Test(arguments: names) func aParentBasedSamplerFollowsTheParent(_ name: String) throws {
        let sampler = try #require(TraceSampler(name: "parentbased_\(name)", ratio: 0.5))
        for isSampled in [true, false] {
            let parent = parent(isSampled: isSampled)
            #expect(sampler.samples(parent.traceID, parent: parent) == isSampled)
        }
    }

    @Test func anotherSamplerIgnoresTheParent() {
        let id = TraceContext.TraceID(high: 1, low: 2)
        let (all, none) = (TraceSampler(name: "always_on", ratio: 0), TraceSampler(name: "always_off", ratio: 1))
        #expect(all?.samples(id, parent: parent(isSampled: false)) == true)
        #expect(none?.samples(id, parent: parent(isSampled: true)) == false)
    }

    @Test(arguments: [0, 0.01, 0.5, 1]) func theRatioIsTheShareOfTheTraces(_ ratio: Double) throws {
        let sampler = try #require(TraceSampler(name: "parentbased_traceidratio", ratio: ratio))
        var random = SeededGenerator(seed: 7)
        let count = 100_000
        let sampled = (0..<count).count { _ in
            let id = TraceContext.TraceID(high: random.next(), low: random.next())
            return sampler.samples(id, parent: nil)
        }
        // Three standard deviations.
        let deviation = 3 * (Double(count) * ratio * (1 - ratio)).squareRoot()
        #expect(abs(Double(sampled) - Double(count) * ratio) <= deviation, "\(sampled) of \(count)")
    }

    @Test func aTraceThatASmallRatioSamplesIsSampledByALargerOne() throws {
        let small = try #require(TraceSampler(name: "traceidratio", ratio: 0.1))
        let large = try #require(TraceSampler(name: "traceidratio", ratio: 0.2))
        var random = SeededGenerator(seed: 8)
        for _ in 0..<10_000 {
            let id = TraceContext.TraceID(high: random.next(), low: random.next())
            if small.samples(id, parent: nil) { #expect(large.samples(id, parent: nil)) }
        }
    }

    @Test(arguments: ["", "jaeger_remote", "parentbased_", "parentbased_sometimes"])
    func anUnknownNameIsRefused(_ name: String) {
        #expect(TraceSampler(name: name, ratio: 1) == nil)
    }
}
