import NIOCore

/// One connection to ClaimAPI, with one request at a time.
final class ClientConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// A request that waits for its answer.
    struct Exchange {
        /// When the request should have started.
        let due: NIODeadline
        let sentAt: NIODeadline
    }

    /// A connection may become active after the run has ended, so it keeps the generator until it is closed.
    private let owner: LoadGenerator
    private var context: ChannelHandlerContext?
    private var parser = ResponseParser()
    private(set) var exchange: Exchange?
    /// Whether requests can be sent.
    var isOpen: Bool { context != nil }

    init(owner: LoadGenerator) { self.owner = owner }

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        owner.connectionOpened(self)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard self.context != nil else { return }
        switch parser.receive(unwrapInboundIn(data)) {
        case .incomplete: break
        case .response(let status, let closes):
            guard let exchange else { return end(.malformedAnswer) }
            self.exchange = nil
            if closes { disconnect() }
            owner.answered(exchange, status: status, on: self)
        case .malformed: end(.malformedAnswer)
        }
    }

    func channelInactive(context: ChannelHandlerContext) { end(.connectionLost) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { end(.connectionLost) }

    /// Sends a request.
    func send(_ request: ByteBuffer, due: NIODeadline, now: NIODeadline) {
        guard let context else { return }
        exchange = Exchange(due: due, sentAt: now)
        context.writeAndFlush(wrapOutboundOut(request), promise: nil)
    }

    /// Closes the connection, and reports the request that waits, once.
    func end(_ failure: Measurements.Failure) {
        guard context != nil else { return }
        disconnect()
        let unanswered = exchange
        exchange = nil
        owner.ended(self, unanswered: unanswered, failure)
    }

    private func disconnect() {
        let context = context
        self.context = nil
        context?.close(promise: nil)
    }
}
