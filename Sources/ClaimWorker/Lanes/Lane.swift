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
    private let logger: Logger

    init(_ control: LaneControl, workerID: String, settings: WorkerSettings, logger: Logger) {
        self.control = control
        self.workerID = workerID
        self.settings = settings
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
        control.stop.retrying { connected in
            // The subscription ends with this scope: its messages are back in the queue before the stores are awaited.
            do {
                let subscription = try LaneSubscription(
                    to: brokers[failures % brokers.count], control: control, workerID: workerID, settings: settings,
                    stores: stores, logger: logger)
                connected()
                try subscription.serve()
                subscription.close()
            } catch let outage as Outage {
                logger.warning(
                    "store still unavailable, lane returned its messages to the queue", metadata: ["error": "\(outage)"]
                )
                awaitStores(stores)
            }
        } onFailure: { error, pause in
            failures += 1
            logger.warning(
                "lane has no broker connection, retrying", metadata: ["error": "\(error)", "retry.in": "\(pause)"])
        }
    }

    private func awaitStores(_ stores: StoreConnections) {
        var backoff = Backoff()
        while !control.stop.isRequested {
            do throws(Outage) {
                return try stores.check()
            } catch {
                control.stop.wait(atMost: backoff.next())
            }
        }
    }
}
