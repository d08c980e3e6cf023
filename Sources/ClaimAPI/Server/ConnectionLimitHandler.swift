import Foundation
import HTTPTypes
import NIOCore
import NIOHTTPTypes
import RuntimeSupport

/// The body of a request did not arrive in time.
struct RequestTimeout: Error {}

/// Keeps one connection within its limits: closes it when its client is too slow, ends it cleanly after a response that
/// was sent before its request was received completely, and refuses claims that could not be answered in time.
///
/// It sits behind the HTTP codec. See ``ConnectionState`` for the rules. A claim is refused here, because this costs a
/// fraction of a request that reaches its route, and clients send many of them when the system is overloaded.
final class ConnectionLimitHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// How long the rest of an unread request is discarded at most, so that the client reads the response and no error.
    private static let discarding = Duration.seconds(5)
    /// After this time without a byte of the rest, the sending side is closed.
    private static let pause = TimeAmount.milliseconds(500)
    /// How long the client may then take to close its side.
    private static let lingering = TimeAmount.seconds(2)

    private let connections: ConcurrencyLimit
    private let admission: AdmissionControl
    private let drain: Drain
    private let metrics: RequestMetrics
    private let limits: ConnectionState.Limits
    private var state: ConnectionState
    private var timer: (task: Scheduled<Void>, time: ConnectionState.Instant)?
    private var isAdmitted = true
    /// Whether everything that still arrives is discarded.
    private var isDiscarding = false
    /// Whether something was discarded since the timer was set.
    private var hasDiscarded = false
    /// The route of the submission that is being received.
    private var submission: String?
    /// Whether the request that is being received is refused after its end.
    private var isRefusing = false
    /// For each request in progress, whether it counts as a submission.
    private var counted = CircularBuffer<Bool>(initialCapacity: 1)

    init(
        _ limits: ConnectionState.Limits, connections: ConcurrencyLimit, admission: AdmissionControl,
        drain: Drain, metrics: RequestMetrics
    ) {
        self.limits = limits
        self.connections = connections
        self.admission = admission
        self.drain = drain
        self.metrics = metrics
        state = ConnectionState(limits, now: .now)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        state = ConnectionState(limits, now: .now)
        isAdmitted = connections.enter()
        schedule(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.task.cancel()
        timer = nil
        if isAdmitted { connections.leave() }
        for isCounted in counted where isCounted { admission.leave() }
        counted.removeAll()
    }

    // MARK: Inbound

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isDiscarding { return discard(unwrapInboundIn(data), context) }
        switch unwrapInboundIn(data) {
        case .head(let head):
            state.receivedHead(now: .now)
            if !isAdmitted { return refuse(head.method, nil, context) }
            submission = Self.submissionRoute(head)
            if submission != nil, admission.isFull, isRefusable(head) {
                isRefusing = true
                return
            }
            counted.append(false)
        case .body:
            if isRefusing { return }
        case .end:
            state.receivedEnd(now: .now)
            if isRefusing { return refuse(.post, submission, context) }
            if submission != nil {
                admission.enter()
                counted[counted.index(before: counted.endIndex)] = true
            }
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Nothing behind this handler asks for what is discarded.
        if isDiscarding { context.read() }
        schedule(context)
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        state.changedWritability(context.channel.isWritable, now: .now)
        schedule(context)
        context.fireChannelWritabilityChanged()
    }

    // MARK: Overload

    /// Returns the route of a claim or cancellation; nil for any other request.
    private static func submissionRoute(_ head: HTTPRequest) -> String? {
        guard head.method == .post, let path = head.path, path.hasPrefix("/claims") else { return nil }
        if path.utf8.count == "/claims".utf8.count { return "/claims" }
        return path.hasSuffix("/cancel") ? "/claims/{id}/cancel" : nil
    }

    /// Returns whether a submission can be refused here. One of unknown or unusual size, or behind another request of the
    /// connection, whose response must come first, is left to its route.
    private func isRefusable(_ head: HTTPRequest) -> Bool {
        guard state.isOnlyRequest, head.headerFields[.transferEncoding] == nil else { return false }
        return head.headerFields[.contentLength].map { Int($0) ?? .max } ?? 0 <= BodyLimit.usual
    }

    /// Sends a 503.
    ///
    /// - Parameter route: nil if it is unknown.
    private func refuse(_ method: HTTPRequest.Method, _ route: String?, _ context: ChannelHandlerContext) {
        if isAdmitted { admission.refuse() }
        isRefusing = false
        let closes = state.willRespond(isDraining: drain.isActive) || !isAdmitted
        var (head, body) = Self.refusal
        head.headerFields.append(contentsOf: Self.standardHeaders.fields())
        if closes { head.headerFields[.connection] = "close" }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(body)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        metrics.record(method: method, route: route, status: head.status.code, nanoseconds: 0)
        state.responded(now: .now)
        if closes { finish(context) }
    }

    private static let standardHeaders = StandardHeaders()
    private static let refusal: (HTTPResponse, ByteBuffer) = {
        let problem = Problem.overloaded
        let body = (try? JSON.encoder.encode(problem.body)) ?? Data()
        var fields = problem.headers
        fields[.contentType] = "application/problem+json"
        fields[.contentLength] = String(body.count)
        return (HTTPResponse(status: problem.status, headerFields: fields), ByteBuffer(bytes: body))
    }()

    // MARK: Outbound

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head) where head.status.kind != .informational:
            if state.willRespond(isDraining: drain.isActive) {
                head.headerFields[.connection] = "close"
                return context.write(wrapOutboundOut(.head(head)), promise: promise)
            }
            context.write(data, promise: promise)
        case .end:
            state.responded(now: .now)
            if counted.popFirst() == true { admission.leave() }
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

    /// Discards the rest of the request, then closes the connection. Some clients that are still sending take an earlier
    /// close for an error, and do not read the response.
    private func finish(_ context: ChannelHandlerContext) {
        isDiscarding = true
        context.read()
        awaitRest(context, until: .now + Self.discarding)
    }

    private func awaitRest(_ context: ChannelHandlerContext, until end: ConnectionState.Instant) {
        hasDiscarded = false
        setTimer(context, in: Self.pause) { handler, context in
            if handler.hasDiscarded, .now < end {
                handler.awaitRest(context, until: end)
            } else {
                handler.closeOutput(context)
            }
        }
    }

    private func discard(_ part: HTTPRequestPart, _ context: ChannelHandlerContext) {
        hasDiscarded = true
        if case .end = part { closeOutput(context) }
    }

    /// Closes the sending side now, and the whole connection as soon as the client does or the lingering time is over.
    private func closeOutput(_ context: ChannelHandlerContext) {
        context.close(mode: .output, promise: nil)
        setTimer(context, in: Self.lingering) { _, context in context.close(promise: nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if isDiscarding, event as? ChannelEvent == .inputClosed { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    // MARK: Time

    /// Sets the timer, unless it fires early enough. One that fires too early is set again, so a busy connection rarely
    /// touches it.
    private func schedule(_ context: ChannelHandlerContext) {
        guard !isDiscarding, let deadline = state.deadline else { return }
        if let timer, timer.time <= deadline.time { return }
        setTimer(context, in: TimeAmount(deadline.time - .now)) { handler, context in handler.timerFired(context) }
    }

    /// Sets the timer in place of the one that is set.
    private func setTimer(
        _ context: ChannelHandlerContext, in time: TimeAmount,
        _ body: @escaping @Sendable (ConnectionLimitHandler, ChannelHandlerContext) -> Void
    ) {
        timer?.task.cancel()
        let loopBound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        let task = context.eventLoop.scheduleTask(in: time) { body(loopBound.value.handler, loopBound.value.context) }
        timer = (task, .now + .nanoseconds(time.nanoseconds))
    }

    private func timerFired(_ context: ChannelHandlerContext) {
        timer = nil
        guard !isDiscarding, let deadline = state.deadline else { return }
        guard deadline.time <= .now else { return schedule(context) }
        switch deadline.expiry {
        case .close:
            context.close(promise: nil)
        case .failRequest:
            if isRefusing { return refuse(.post, submission, context) }
            state.failed(now: .now)
            schedule(context)
            context.fireErrorCaught(RequestTimeout())
        }
    }
}
