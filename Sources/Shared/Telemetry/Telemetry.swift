internal import Foundation
internal import Instrumentation
package import Logging

/// The tracing of a process: its tracer, and the exporter that has to run.
package struct Telemetry: Sendable {
    package let tracer: ClaimTracer
    package let exporter: SpanExporter

    /// Makes the tracer the one of swift-distributed-tracing. Call it once, after the bootstrap of the metrics.
    ///
    /// - Parameters:
    ///   - service: the name of the program.
    ///   - instance: tells this process apart from others of the same program.
    /// - Returns: nil if there is no tracing.
    package static func bootstrap(
        _ settings: TraceSettings?, service: String, instance: String, logger: Logger
    ) -> Telemetry? {
        guard let settings else { return nil }
        let buffer = SpanBuffer()
        let tracer = ClaimTracer(sampler: settings.sampler, buffer: buffer)
        InstrumentationSystem.bootstrap(tracer)
        let resource = [
            "service.name": service, "service.namespace": "claims", "service.instance.id": instance,
            "process.pid": String(ProcessInfo.processInfo.processIdentifier),
        ]
        return Telemetry(
            tracer: tracer,
            exporter: SpanExporter(settings, resource: resource, buffer: buffer, logger: logger))
    }
}
