internal import Foundation
package import Settings

/// Whether and where traces are exported. The names and values are those of OpenTelemetry.
///
/// <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>
package struct TraceSettings: Hashable, Sendable {
    /// The URL that takes spans as OTLP/HTTP.
    package var url: String
    /// The host and port of the collector.
    package var server: String
    package var sampler: TraceSampler

    package static let endpoint = Setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT", defaultValue: "",
        help: "URL of an OpenTelemetry collector for OTLP/HTTP, such as http://127.0.0.1:4318; no tracing if empty")
    package static let samplerName = Setting(
        "OTEL_TRACES_SAMPLER", defaultValue: "parentbased_traceidratio",
        help: """
            Which requests are traced: always_on, always_off, traceidratio, or one of these with the prefix parentbased_, \
            which follows the client's traceparent if there is one
            """)
    package static let samplerArgument = Setting(
        "OTEL_TRACES_SAMPLER_ARG", defaultValue: "0.01",
        help: "Share of the requests that traceidratio traces, from 0 to 1")

    package static let all = [endpoint, samplerName, samplerArgument]

    /// Reads the settings; nil if there is to be no tracing.
    package static func read(_ reader: SettingReader) throws(SettingError) -> TraceSettings? {
        let collector = try reader.value(endpoint, mustBe: "empty or a URL with http:// or https://") {
            text -> (url: String, server: String)?? in
            if text.isEmpty { return .some(nil) }
            guard let parts = URLComponents(string: text), ["http", "https"].contains(parts.scheme),
                let host = parts.host, !host.isEmpty
            else { return nil }
            let url = (text.hasSuffix("/") ? String(text.dropLast()) : text) + "/v1/traces"
            return .some((url, host + (parts.port.map { ":\($0)" } ?? "")))
        }
        let ratio = try reader.value(samplerArgument, mustBe: "a number from 0 to 1") { text in
            Double(text).flatMap { (0...1).contains($0) ? $0 : nil }
        }
        let sampler = try reader.value(
            samplerName, mustBe: "always_on, always_off, traceidratio, or one of these with the prefix parentbased_"
        ) { TraceSampler(name: $0, ratio: ratio) }
        return collector.map { TraceSettings(url: $0.url, server: $0.server, sampler: sampler) }
    }
}
