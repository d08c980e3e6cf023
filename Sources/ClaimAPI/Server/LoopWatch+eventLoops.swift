import NIOCore
import RuntimeSupport

extension LoopWatch {
    /// Watches all event loops of a group. Each reports a round every second.
    static func watching(_ group: any EventLoopGroup) -> [LoopWatch] {
        group.makeIterator().enumerated().map { index, eventLoop in
            let watch = LoopWatch("event loop \(index)", limit: .seconds(10))
            eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .seconds(1)) { _ in watch.beat() }
            return watch
        }
    }
}
