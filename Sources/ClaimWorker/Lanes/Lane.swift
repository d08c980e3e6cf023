import Claims
import Logging
import RuntimeSupport

/// A lane: one work queue, consumed by one worker at a time, on a thread of its own.
///
/// Every worker subscribes to every lane. The broker delivers a lane's messages to one subscriber only; the others are
/// idle.
final class Lane: Sendable {
    let control: LaneControl
    private let workerID: String
    private let settings: WorkerSettings
    private let health: StoreHealth
    private let tracing: BatchTracing?
    private let logger: Logger
    /// The node of the cluster to connect to first. It is chosen at random, so that the lanes of a worker, and the
    /// subscribers of a lane, are spread over the nodes, and the loss of a node affects only a part of them.
    private let firstBroker: Int

    init(
        _ control: LaneControl, workerID: String, settings: WorkerSettings, health: StoreHealth, tracing: BatchTracing?,
        logger: Logger
    ) {
        self.control = control
        self.workerID = workerID
        self.settings = settings
        self.health = health
        self.tracing = tracing
        firstBroker = Int.random(in: settings.stores.brokers.indices)
        var logger = logger
        logger[metadataKey: "lane"] = "\(control.lane)"
        self.logger = logger
    }

    var number: Int { control.lane }

    /// Subscribes and serves until the stop is requested. Blocks its thread.
    func run() {
        let stores = StoreConnections(settings.stores, name: "ClaimWorker \(settings.name) lane \(number)")
        let brokers = settings.stores.brokers
        var failures = 0
        defer { control.watch.end() }
        control.stop.retrying { connected in
            control.watch.beat()
            // Without the stores each message would be returned, and each return counts towards the delivery limit.
            while !health.isProbeSuccessful, !control.stop.isRequested {
                control.watch.beat()
                control.stop.wait(atMost: .seconds(1))
            }
            guard !control.stop.isRequested else { return }
            do {
                let subscription = try LaneSubscription(
                    to: brokers[(firstBroker + failures) % brokers.count], control: control, workerID: workerID,
                    settings: settings, stores: stores, health: health, tracing: tracing, logger: logger)
                connected()
                // A lane that steps back subscribes again at once.
                defer { if !control.mustStepBack { control.unsubscribed() } }
                try subscription.serve()
                subscription.close()
            } catch is Outage {
                // The subscription has ended: its messages are back in the queue.
            }
        } onFailure: { error, pause in
            failures += 1
            control.unsubscribed(failure: "\(error)")
            logger.warning(
                "lane has no broker connection, retrying", metadata: ["error": "\(error)", "retry.in": "\(pause)"])
        }
    }
}
