import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A server that answers claims in the way that a test chooses.
struct TestServer: Sendable {
    enum Answer: Sendable {
        case status(Int)
        /// 202 after some time.
        case delayed(TimeAmount)
        /// An answer, after which the server closes the connection.
        case statusAndClose(Int)
        /// The connection is closed without an answer.
        case close
        case none
    }

    /// The requests of all connections.
    final class Log: Sendable {
        private let keys = Mutex<[String]>([])

        /// - Returns: the number of earlier requests.
        func add(_ key: String) -> Int {
            keys.withLock { keys in
                keys.append(key)
                return keys.count - 1
            }
        }

        var all: [String] { keys.withLock { $0 } }
    }

    let port: Int
    private let log: Log

    /// The idempotency keys of all requests so far.
    var keys: [String] { log.all }

    /// Runs a server during a test.
    ///
    /// - Parameter answer: chooses the answer by the number of the request, from 0.
    static func run<Result: Sendable>(
        answer: @escaping @Sendable (Int) -> Answer, _ body: (TestServer) async throws -> Result
    ) async throws -> Result {
        let log = Log()
        let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(log, answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        do {
            let result = try await body(TestServer(port: channel.localAddress?.port ?? 0, log: log))
            try await channel.close()
            return result
        } catch {
            try? await channel.close()
            throw error
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let log: Log
        private let answer: @Sendable (Int) -> Answer
        private var key = ""

        init(_ log: Log, _ answer: @escaping @Sendable (Int) -> Answer) {
            self.log = log
            self.answer = answer
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): key = head.headers.first(name: "Idempotency-Key") ?? ""
            case .body: break
            case .end: respond(context)
            }
        }

        private func respond(_ context: ChannelHandlerContext) {
            switch answer(log.add(key)) {
            case .status(let status): send(status, context)
            case .delayed(let time):
                context.eventLoop.assumeIsolated().scheduleTask(in: time) { self.send(202, context) }
            case .statusAndClose(let status): send(status, context, closes: true)
            case .close: context.close(promise: nil)
            case .none: break
            }
        }

        private func send(_ status: Int, _ context: ChannelHandlerContext, closes: Bool = false) {
            var headers = HTTPHeaders([("Content-Length", "2")])
            if closes { headers.add(name: "Connection", value: "close") }
            let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: headers)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: "{}")))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            if closes { context.close(promise: nil) }
        }
    }
}
