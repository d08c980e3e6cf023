import CoreMetrics
import Observability
import Testing

@Suite struct MetricsRegistryTests {
    private let registry = MetricsRegistry([
        MetricDescription("jobs.batch.size", "Jobs in one batch.", buckets: [1, 10, 100])
    ])

    /// Returns the value of a sample; nil if there is no such sample.
    private func value(_ name: String, suffix: String = "", labels: [String] = []) -> Double? {
        registry.snapshot().first { $0.name == name }?.samples.first { $0.suffix == suffix && $0.labels == labels }?
            .value
    }

    @Test func namesAreConvertedToPrometheusNames() {
        registry.makeCounter(label: "jobs.dead_letters", dimensions: []).increment(by: Int64(1))
        registry.makeMeter(label: "jobs.active", dimensions: []).set(Int64(1))
        registry.makeTimer(label: "http.server.request.duration", dimensions: []).recordNanoseconds(1)
        #expect(
            registry.snapshot().map(\.name)
                == ["http_server_request_duration_seconds", "jobs_active", "jobs_dead_letters_total"])
    }

    @Test func aCounterAddsUp() {
        let counter = registry.makeCounter(label: "c", dimensions: [])
        counter.increment(by: Int64(2))
        counter.increment(by: Int64(3))
        #expect(value("c_total") == 5)
    }

    @Test func handlersOfTheSameNameAndLabelsShareTheirValue() {
        registry.makeCounter(label: "c", dimensions: [("a", "1")]).increment(by: Int64(2))
        registry.makeCounter(label: "c", dimensions: [("a", "1")]).increment(by: Int64(3))
        registry.makeCounter(label: "c", dimensions: [("a", "2")]).increment(by: Int64(4))
        #expect(value("c_total", labels: ["a", "1"]) == 5)
        #expect(value("c_total", labels: ["a", "2"]) == 4)
    }

    @Test func dotsBecomeUnderscoresInLabelNamesOnly() {
        registry.makeCounter(label: "c", dimensions: [("http.route", "/a.b")]).increment(by: Int64(1))
        #expect(value("c_total", labels: ["http_route", "/a.b"]) == 1)
    }

    @Test func aMeterHasItsLatestValue() {
        let meter = registry.makeMeter(label: "m", dimensions: [])
        meter.set(5.5)
        meter.increment(by: 2)
        meter.decrement(by: 0.5)
        #expect(value("m") == 7)
    }

    @Test func aRecorderThatDoesNotAggregateIsAGauge() {
        let recorder = registry.makeRecorder(label: "r", dimensions: [], aggregate: false)
        recorder.record(Int64(5))
        recorder.record(Int64(3))
        #expect(value("r") == 3)
    }

    @Test func aHistogramCountsValuesUpToEachBound() {
        let recorder = registry.makeRecorder(label: "jobs.batch.size", dimensions: [], aggregate: true)
        for size in [1, 2, 10, 11, 1000] { recorder.record(Int64(size)) }
        let buckets = ["1", "10", "100", "+Inf"].map {
            value("jobs_batch_size", suffix: "_bucket", labels: ["le", $0])
        }
        #expect(buckets == [1, 3, 4, 5])
        #expect(value("jobs_batch_size", suffix: "_sum") == 1024)
        #expect(value("jobs_batch_size", suffix: "_count") == 5)
    }

    @Test func theHelpIsThatOfTheDescription() {
        registry.makeRecorder(label: "jobs.batch.size", dimensions: [], aggregate: true).record(Int64(1))
        registry.makeCounter(label: "c", dimensions: []).increment(by: Int64(1))
        #expect(registry.snapshot().map(\.help) == [MetricsRegistry.noHelp, "Jobs in one batch."])
    }

    @Test func aTimerIsAHistogramOfSeconds() {
        let timer = registry.makeTimer(label: "t", dimensions: [("a", "1")])
        timer.recordNanoseconds(250_000_000)
        timer.recordNanoseconds(500_000_000)
        #expect(value("t_seconds", suffix: "_sum", labels: ["a", "1"]) == 0.75)
        #expect(value("t_seconds", suffix: "_bucket", labels: ["a", "1", "le", "0.25"]) == 1)
        #expect(value("t_seconds", suffix: "_bucket", labels: ["a", "1", "le", "0.5"]) == 2)
    }

    @Test func bucketsAreCumulativeAndEndWithInfinity() throws {
        registry.makeTimer(label: "t", dimensions: []).recordNanoseconds(70_000_000_000)
        let samples = try #require(registry.snapshot().first).samples.filter { $0.suffix == "_bucket" }
        #expect(samples.map(\.value) == Array(repeating: 0, count: samples.count - 1) + [1])
        #expect(samples.last?.labels == ["le", "+Inf"])
        let bounds = samples.dropLast().compactMap { Double($0.labels[1]) }
        #expect(bounds.count == samples.count - 1)
        #expect(bounds == bounds.sorted())
    }

    @Test func countsFromManyThreadsAddUp() async {
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1000 {
                        registry.makeCounter(label: "c", dimensions: []).increment(by: Int64(1))
                    }
                }
            }
        }
        #expect(value("c_total") == 8000)
    }
}
