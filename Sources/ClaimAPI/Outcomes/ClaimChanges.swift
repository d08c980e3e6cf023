import Claims
import Logging
import Metrics
import Redis
import RuntimeSupport
import ServiceLifecycle
import Synchronization

/// Hears of every claim whose status changed, over one Redis subscription, and wakes the requests that wait for it.
///
/// A wake-up is a hint to look again and carries no outcome: losing one costs time, never truth.
final class ClaimChanges: Service {
    private let address: RedisAddress
    private let logger: Logger
    private let watches = Mutex<[Substring: [ClaimWatch]]>([:])
    private let isStopping = Mutex(false)
    private let wake = WakeSignal()
    /// Streams and long polls that are open.
    private let count = Meter(label: "claims.watches")

    init(_ address: RedisAddress, logger: Logger) {
        self.address = address
        self.logger = logger
    }

    /// Begins to listen for changes of a claim, until ``ClaimWatch/end()``.
    func watch(_ id: ClaimID) -> ClaimWatch {
        let key = id.description[...]
        let watch = ClaimWatch { [weak self] ended in
            self?.watches.withLock { watches in
                watches[key]?.removeAll { $0 === ended }
                if watches[key]?.isEmpty == true { watches[key] = nil }
            }
            self?.count.decrement()
        }
        watches.withLock { $0[key, default: []].append(watch) }
        count.increment()
        return watch
    }

    /// All that are listening at present, by their claims.
    var watched: [(id: ClaimID, watches: [ClaimWatch])] {
        watches.withLock { watches in
            watches.compactMap { key, watches in ClaimID(String(key)).map { ($0, watches) } }
        }
    }

    func run() async throws {
        await withGracefulShutdownHandler {
            await BlockingThread.run(name: "changes") { self.work() }
        } onGracefulShutdown: {
            self.isStopping.withLock { $0 = true }
            self.wake.raise()
        }
    }

    private func work() {
        var backoff = Backoff()
        while !isStopping.withLock({ $0 }) {
            do throws(RedisError) {
                let connection = try RedisConnection(address, timeout: .seconds(2))
                _ = try connection.send(["SUBSCRIBE", RedisKeys.changes])
                backoff.reset()
                // What was published while nobody listened is lost, so everybody looks again.
                for watch in watches.withLock({ $0.values.flatMap(\.self) }) { watch.change() }
                try listen(on: connection)
            } catch {
                let pause = backoff.next()
                logger.debug("no subscription to changes", metadata: ["error": "\(error)", "retry.in": "\(pause)"])
                if !isStopping.withLock({ $0 }) { wake.wait(atMost: pause) }
            }
        }
    }

    private func listen(on connection: RedisConnection) throws(RedisError) {
        while !isStopping.withLock({ $0 }) {
            for message in try connection.messages(orSignal: wake, atMost: .seconds(60)) {
                guard let parts = message.array, parts.count == 3, parts[0].string == "message",
                    let ids = parts[2].string
                else { continue }
                for id in ids.split(separator: " ") {
                    for watch in watches.withLock({ $0[id] ?? [] }) { watch.change() }
                }
            }
        }
    }
}
