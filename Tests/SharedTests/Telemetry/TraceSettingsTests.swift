import Observability
import Settings
import Testing

@testable import Telemetry

@Suite struct TraceSettingsTests {
    private func read(_ environment: [String: String]) throws(SettingError) -> TraceSettings? {
        try TraceSettings.read(SettingReader(environment: environment))
    }

    @Test func thereIsNoTracingByDefault() throws {
        #expect(try read([:]) == nil)
    }

    @Test(arguments: ["http://collector:4318", "http://collector:4318/"])
    func thePathOfTracesIsAddedToTheEndpoint(_ endpoint: String) throws {
        let settings = try #require(try read(["OTEL_EXPORTER_OTLP_ENDPOINT": endpoint]))
        #expect(settings.url == "http://collector:4318/v1/traces" && settings.server == "collector:4318")
        #expect(settings.sampler == TraceSampler(name: "parentbased_traceidratio", ratio: 0.01))
    }

    @Test(arguments: [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://collector"), ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5"), ("OTEL_TRACES_SAMPLER_ARG", "-0.1"), ("OTEL_TRACES_SAMPLER_ARG", "half"),
    ])
    func anInvalidSettingIsNamed(name: String, value: String) {
        let error = #expect(throws: SettingError.self) { try read([name: value]) }
        #expect(error?.description.hasPrefix("\(name) must be") == true)
    }
}
