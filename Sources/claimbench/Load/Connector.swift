import NIOCore
import NIOPosix

/// Opens the connections of a run.
final class Connector {
    /// More at a time would overflow the server's queue of connections that it has not yet accepted.
    private static let atATime = 64
    private static let shortestBackoff = TimeAmount.milliseconds(10)
    private static let longestBackoff = TimeAmount.seconds(1)

    private let plan: LoadPlan
    private let eventLoop: any EventLoop
    private var address: SocketAddress?
    private var opened = 0
    private var started = 0
    private var backoff = Connector.shortestBackoff

    init(_ plan: LoadPlan, on eventLoop: any EventLoop) {
        self.plan = plan
        self.eventLoop = eventLoop
    }

    /// Opens all connections; each reports itself to the generator.
    ///
    /// - Returns: a future that fails with ``Unreachable`` if one of them cannot be opened.
    func openAll(for owner: LoadGenerator) -> EventLoopFuture<Void> {
        let promise = eventLoop.makePromise(of: Void.self)
        // The first one resolves the name of the host.
        openNext(for: owner, promise)
        return promise.futureResult
    }

    private func openNext(for owner: LoadGenerator, _ promise: EventLoopPromise<Void>) {
        started += 1
        connect(for: owner).assumeIsolated().whenComplete { result in
            switch result {
            case .failure(let error):
                promise.fail(Unreachable(host: self.plan.host, port: self.plan.port, opened: self.opened, cause: error))
            case .success(let channel):
                self.address = self.address ?? channel.remoteAddress
                self.opened += 1
                if self.opened == self.plan.connections { return promise.succeed() }
                let more = min(self.plan.connections - self.started, Self.atATime - (self.started - self.opened))
                for _ in 0..<max(0, more) { self.openNext(for: owner, promise) }
            }
        }
    }

    /// Opens a connection in place of one that has ended, and tries again with backoff until it succeeds.
    func reopen(for owner: LoadGenerator, onFailure: @escaping () -> Void) {
        connect(for: owner).assumeIsolated().whenComplete { result in
            switch result {
            case .success: self.backoff = Self.shortestBackoff
            case .failure:
                guard !owner.isDone else { return }
                onFailure()
                let pause = self.backoff
                self.backoff = min(Self.longestBackoff, pause + pause)
                self.eventLoop.assumeIsolated().scheduleTask(in: pause) {
                    if !owner.isDone { self.reopen(for: owner, onFailure: onFailure) }
                }
            }
        }
    }

    private func connect(for owner: LoadGenerator) -> EventLoopFuture<any Channel> {
        let owner = NIOLoopBound(owner, eventLoop: eventLoop)
        let bootstrap = ClientBootstrap(group: eventLoop)
            .channelOption(ChannelOptions.socketOption(.tcp_nodelay), value: 1)
            .connectTimeout(plan.timeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ClientConnection(owner: owner.value))
                }
            }
        if let address { return bootstrap.connect(to: address) }
        return bootstrap.connect(host: plan.host, port: plan.port)
    }
}

/// ClaimAPI could not be reached.
struct Unreachable: Error, CustomStringConvertible {
    let host: String
    let port: Int
    /// The number of connections that were open before.
    let opened: Int
    let cause: any Error

    var description: String {
        let which = opened == 0 ? "" : " for connection \(opened + 1)"
        return "ClaimAPI at http://\(host):\(port) can't be reached\(which): \(reason)"
    }

    private var reason: String {
        switch cause {
        case let error as IOError: error.description
        case ChannelError.connectTimeout(let time): "no answer within \(time.nanoseconds / 1_000_000) ms"
        case let error as NIOConnectionError:
            (error.dnsAError ?? error.dnsAAAAError).map { "its name can't be resolved (\($0))" }
                ?? error.connectionErrors.first.map { "\($0.error)" } ?? "\(error)"
        default: "\(cause)"
        }
    }
}
