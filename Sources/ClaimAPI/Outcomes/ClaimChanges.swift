import Claims
import Logging
import Metrics
import Redis
import RuntimeSupport
import ServiceLifecycle
import Synchronization

/// Receives the ids of changed claims over one Redis subscription, and wakes the requests that wait for them.
///
/// A notification carries no outcome; it only asks a request to look the claim up again. Losing one costs time, never
/// correctness.
final class ClaimChanges: Service {
    private let address: RedisAddress
    private let logger: Logger
    private let watches = Mutex<[Substring: [ClaimWatch]]>([:])
    private let stop = StopSignal()
    /// The number of open streams and long polls.
    private let openWatches = Meter(label: "claims.watches")

    init(_ address: RedisAddress, logger: Logger) {
        self.address = address
        self.logger = logger
    }

    /// Watches a claim for changes until ``ClaimWatch/end()``.
    func watch(_ id: ClaimID) -> ClaimWatch {
        let key = id.description[...]
        let watch = ClaimWatch { [weak self] ended in
            self?.watches.withLock { watches in
                watches[key]?.removeAll { $0 === ended }
                if watches[key]?.isEmpty == true { watches[key] = nil }
            }
            self?.openWatches.decrement()
        }
        watches.withLock { $0[key, default: []].append(watch) }
        openWatches.increment()
        return watch
    }

    /// The claims that are watched at present, each with its watches.
    var watched: [(id: ClaimID, watches: [ClaimWatch])] {
        watches.withLock { watches in
            watches.compactMap { key, watches in ClaimID(String(key)).map { ($0, watches) } }
        }
    }

    func run() async throws {
        await BlockingThread.run(name: "changes", until: stop) { self.work() }
    }

    private func work() {
        stop.retrying { connected in
            let subscription = try RedisSubscription(to: RedisKeys.changes, on: address)
            connected()
            // Changes that were published before the subscription are lost, so every request looks its claim up again.
            for watch in watches.withLock({ $0.values.flatMap(\.self) }) { watch.notify() }
            try receive(from: subscription)
        } onFailure: { error, pause in
            logger.debug("subscription lost, retrying", metadata: ["error": "\(error)", "retry.in": "\(pause)"])
        }
    }

    private func receive(from subscription: RedisSubscription) throws(RedisError) {
        while !stop.isRequested {
            for message in try subscription.messages(orSignal: stop.wake, atMost: .seconds(60)) {
                for id in ClaimCache.announcedIDs(in: message) {
                    for watch in watches.withLock({ $0[id] ?? [] }) { watch.notify() }
                }
            }
        }
    }
}
