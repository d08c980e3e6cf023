import Foundation
import Logging
import Metrics
import Observability
import RuntimeSupport
import ServiceLifecycle
import UnixSignals

/// Wires the whole of ClaimWorker.
func buildWorker(_ settings: WorkerSettings, logger: Logger) -> ServiceGroup {
    let metrics = MetricsRegistry()
    MetricsSystem.bootstrap(metrics)

    // The name is the operator's and may be given twice; the rest makes it this process's own.
    let id =
        "\(settings.name)-\(ProcessInfo.processInfo.processIdentifier)-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
    let controls = (0..<settings.stores.lanes).map { LaneControl(lane: $0) }
    let lanes = controls.map { Lane($0, workerID: id, settings: settings, logger: logger) }
    let pulse = Heartbeat(
        id: id, name: settings.name, redis: settings.stores.redis, controls: controls, metrics: metrics, logger: logger)
    let obituaries = BrokerDeadLetterRecorder(settings, logger: logger)

    // Services end in the reverse order: the sign of life fades last, when no lane needs it any more.
    let services: [any Service] = [pulse, obituaries, LaneGroup(lanes)]
    return ServiceGroup(
        configuration: ServiceGroupConfiguration(
            services: services.map { ServiceGroupConfiguration.ServiceConfiguration(service: $0) },
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
}

/// All lanes of a worker. They end together, each with its batch finished.
struct LaneGroup: Service {
    private let lanes: [Lane]

    init(_ lanes: [Lane]) {
        self.lanes = lanes
    }

    func run() async throws {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                for lane in lanes {
                    group.addTask { await BlockingThread.run(name: "lane-\(lane.number)") { lane.run() } }
                }
            }
        } onGracefulShutdown: {
            for lane in lanes { lane.control.stop() }
        }
    }
}
