import Hummingbird
import NIOCore

/// What a route knows of its request besides the request: the connection, too, to notice when its client has gone.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }
}

extension Channel {
    /// Does something with the information that the client has gone, or sends nothing more.
    ///
    /// - Parameter notice: called once or several times, at once if it has gone already.
    func withDeparture<Value>(
        noticedBy notice: @escaping @Sendable () -> Void, _ body: () async throws -> Value
    ) async throws -> Value {
        let handler = DepartureHandler(notice)
        do {
            try await pipeline.addHandler(handler, position: .first)
        } catch {
            notice()
        }
        do {
            let value = try await body()
            try? await pipeline.removeHandler(handler)
            return value
        } catch {
            try? await pipeline.removeHandler(handler)
            throw error
        }
    }
}

/// Stands in front of a connection's handlers and watches for its end.
private final class DepartureHandler: ChannelInboundHandler, RemovableChannelHandler, Sendable {
    typealias InboundIn = NIOAny

    private let notice: @Sendable () -> Void

    init(_ notice: @escaping @Sendable () -> Void) {
        self.notice = notice
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed { notice() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        notice()
        context.fireChannelInactive()
    }
}
