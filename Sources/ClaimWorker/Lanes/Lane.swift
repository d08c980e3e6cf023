import Logging
import RuntimeSupport

/// One lane: one work queue, read by one worker at a time, on a thread of its own.
///
/// Plain sequential code: take what is there, lock its coupons, decide all in one transaction, announce the results,
/// unlock, acknowledge. A lane that is not the active one of its queue is simply handed nothing.
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

    /// Works until told to stop. Blocks its thread.
    func run() {
        let stores = LaneStores(settings.stores, name: "ClaimWorker \(settings.name) lane \(number)")
        var backoff = Backoff()
        var turn = 0
        while !control.isStopping {
            let address = settings.stores.brokers[turn % settings.stores.brokers.count]
            do {
                let subscription = try LaneSubscription(
                    to: address, control: control, workerID: workerID, settings: settings, stores: stores,
                    logger: logger)
                backoff.reset()
                try subscription.serve()
                subscription.close()
            } catch let outage as Outage {
                // Its messages went back to the broker with the subscription; come again when the store is there.
                logger.warning("lane let its messages go until the store is back", metadata: ["error": "\(outage)"])
                awaitStores(stores)
            } catch {
                let pause = backoff.next()
                logger.warning(
                    "lane has no broker, trying again", metadata: ["error": "\(error)", "retry.in": "\(pause)"])
                turn += 1
                if !control.isStopping { control.wake.wait(atMost: pause) }
            }
        }
    }

    private func awaitStores(_ stores: LaneStores) {
        var backoff = Backoff()
        while !control.isStopping {
            do throws(Outage) {
                return try stores.check()
            } catch {
                control.wake.wait(atMost: backoff.next())
            }
        }
    }
}
