import Admin
import Claims
import Foundation
import Logging
import Metrics
import Observability
import RuntimeSupport
import ServiceLifecycle
import Telemetry
import UnixSignals

/// Wires the services of ClaimWorker.
func buildWorker(_ settings: WorkerSettings, logger: Logger) -> ServiceGroup {
    let metrics = MetricsRegistry(MetricDescription.worker + SpanBuffer.descriptions)
    MetricsSystem.bootstrap(metrics)

    // Two processes may have the same name, and a process id is reused. The random part makes the id unique.
    let process = ProcessInfo.processInfo.processIdentifier
    let id = "\(settings.name)-\(process)-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
    let telemetry = Telemetry.bootstrap(settings.tracing, service: "ClaimWorker", instance: id, logger: logger)
    let tracing = telemetry.map { BatchTracing(tracer: $0.tracer) }
    let controls = (0..<settings.stores.lanes).map { LaneControl(lane: $0) }
    let deadLetterRecorder = BrokerDeadLetterRecorder(settings, logger: logger)
    let health = StoreHealth(logger: logger) {
        for control in controls { control.stop.wake.raise() }
    }
    let laneMetrics = LaneMetrics(controls)
    let heartbeat = Heartbeat(
        id: id, name: settings.name, redis: settings.stores.redis, controls: controls, health: health, metrics: metrics,
        laneMetrics: laneMetrics, logger: logger)
    let monitor = StoreMonitor(health: health) {
        StoreConnections(settings.stores, name: "ClaimWorker \(settings.name) monitor")
    }
    let lanes = LaneGroup(
        controls.map { Lane($0, workerID: id, settings: settings, health: health, tracing: tracing, logger: logger) })

    // Services stop in reverse order: the heartbeat ends last, since it protects the locks of the lanes.
    let archiver = settings.retention.days.map { Archiver(settings, days: $0, logger: logger) }
    let watches = [heartbeat.watch, monitor.watch] + controls.map(\.watch)
    let admin = settings.admin.map { address in
        AdminServer(
            address,
            AdminServer.Reports {
                watches.compactMap { $0.stall() }
            } readiness: {
                Readiness(lanes: controls, stores: health)
            } metrics: {
                laneMetrics.record(at: .now())
                return metrics.snapshot()
            }, logger: logger)
    }
    // The admin listener ends last of all, so that a shutdown can be observed, and the exporter after all that makes spans.
    let services: [(any Service)?] = [
        admin, telemetry?.exporter, heartbeat, monitor, deadLetterRecorder, archiver, lanes,
    ]
    // The monitor ends with an error if a setting contradicts the database. The lanes finish their batches then.
    return ServiceGroup(
        configuration: ServiceGroupConfiguration(
            services: services.compactMap(\.self).map {
                ServiceGroupConfiguration.ServiceConfiguration(
                    service: $0, failureTerminationBehavior: .gracefullyShutdownGroup)
            },
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
}
