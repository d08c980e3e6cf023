import Hummingbird
import NIOCore

/// The context of a request: Hummingbird's own, the connection, to detect that the client has disconnected, and what the
/// ``Gate`` has found out.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel
    /// Who sends the request.
    var caller = Caller.anyone
    /// The limits that the request counts for; nil if there are none.
    var quota: Quota?

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// The client's address, for limits.
    var address: String { ClientAddress.text(channel.remoteAddress) }
}

extension Channel {
    /// Runs `body`, and calls `onDisconnect` if the client closes the connection or its sending side before `body` returns.
    ///
    /// - Parameter onDisconnect: called once or several times, at once if the connection is closed already.
    func withDisconnectHandler<Value>(
        _ onDisconnect: @escaping @Sendable () -> Void, _ body: () async throws -> Value
    ) async throws -> Value {
        let handler = DisconnectHandler(onDisconnect)
        do {
            try await pipeline.addHandler(handler, position: .first)
        } catch {
            onDisconnect()
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

/// Observes the end of a connection, in front of its other handlers.
private final class DisconnectHandler: ChannelInboundHandler, RemovableChannelHandler, Sendable {
    typealias InboundIn = NIOAny

    private let onDisconnect: @Sendable () -> Void

    init(_ onDisconnect: @escaping @Sendable () -> Void) {
        self.onDisconnect = onDisconnect
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed { onDisconnect() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        onDisconnect()
        context.fireChannelInactive()
    }
}
