import Foundation
import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// The body of a request did not arrive in time.
struct RequestTimeout: Error {}

/// Keeps one connection within its limits: closes it when its client is too slow, and ends it cleanly after a response
/// that was sent before its request was received completely.
///
/// It sits behind the HTTP codec. See ``ConnectionState`` for the rules.
final class ConnectionLimitHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// How long the rest of an unread request is discarded, so that the client reads the response and no reset.
    private static let lingering = TimeAmount.seconds(2)

    private let connections: ConcurrencyLimit
    private let limits: ConnectionState.Limits
    private var state: ConnectionState
    private var timer: Scheduled<Void>?
    private var isAdmitted = true
    /// Whether everything that still arrives is discarded.
    private var isDiscarding = false

    init(_ limits: ConnectionState.Limits, connections: ConcurrencyLimit) {
        self.limits = limits
        self.connections = connections
        state = ConnectionState(limits, now: .now)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        state = ConnectionState(limits, now: .now)
        isAdmitted = connections.enter()
        schedule(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        if isAdmitted { connections.leave() }
    }

    // MARK: Inbound

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isDiscarding { return }
        switch unwrapInboundIn(data) {
        case .head:
            state.receivedHead(now: .now)
            if !isAdmitted { return refuse(context) }
            schedule(context)
        case .body:
            break
        case .end:
            state.receivedEnd(now: .now)
        }
        context.fireChannelRead(data)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        state.changedWritability(context.channel.isWritable, now: .now)
        schedule(context)
        context.fireChannelWritabilityChanged()
    }

    /// Answers a connection above the limit.
    private func refuse(_ context: ChannelHandlerContext) {
        _ = state.willRespond()
        let (head, body) = Self.refusal
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(body)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        finish(context)
    }

    private static let refusal: (HTTPResponse, ByteBuffer) = {
        let problem = Problem.overloaded
        let body = (try? JSON.encoder.encode(problem.body)) ?? Data()
        var fields = problem.headers
        fields[.contentType] = "application/problem+json"
        fields[.contentLength] = String(body.count)
        fields[.connection] = "close"
        return (HTTPResponse(status: problem.status, headerFields: fields), ByteBuffer(bytes: body))
    }()

    // MARK: Outbound

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head) where head.status.kind != .informational:
            if state.willRespond() {
                head.headerFields[.connection] = "close"
                return context.write(wrapOutboundOut(.head(head)), promise: promise)
            }
            context.write(data, promise: promise)
        case .end:
            state.responded(now: .now)
            if state.closesAfterResponse {
                context.writeAndFlush(data, promise: promise)
                finish(context)
            } else {
                context.write(data, promise: promise)
                schedule(context)
            }
        case .head, .body:
            context.write(data, promise: promise)
        }
    }

    /// Closes the sending side now, and the whole connection as soon as the client does or the lingering time is over.
    private func finish(_ context: ChannelHandlerContext) {
        isDiscarding = true
        timer?.cancel()
        let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: Self.lingering) { loopBound.value.close(promise: nil) }
        context.close(mode: .output, promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if isDiscarding, event as? ChannelEvent == .inputClosed { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    // MARK: Time

    /// Sets the timer unless it is set. A timer that fires too early is set again, so busy connections rarely touch it.
    private func schedule(_ context: ChannelHandlerContext) {
        guard timer == nil, !isDiscarding, let deadline = state.deadline else { return }
        let loopBound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: TimeAmount(deadline.time - .now)) {
            loopBound.value.handler.timerFired(loopBound.value.context)
        }
    }

    private func timerFired(_ context: ChannelHandlerContext) {
        timer = nil
        guard !isDiscarding, let deadline = state.deadline else { return }
        guard deadline.time <= .now else { return schedule(context) }
        switch deadline.expiry {
        case .close:
            context.close(promise: nil)
        case .failRequest:
            state.failed(now: .now)
            schedule(context)
            context.fireErrorCaught(RequestTimeout())
        }
    }
}
