import Foundation
import Redis
import RuntimeSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct RedisSubscriptionTests {
    private func subscription(_ server: FakeServer, patience: Duration) throws -> RedisSubscription {
        let address = try #require(RedisAddress(url: "redis://127.0.0.1:\(server.port)"))
        return try RedisSubscription(
            to: "news", on: address, pingInterval: .milliseconds(1), patience: patience)
    }

    /// A connection through a broken network looks like one without news.
    @Test func aServerThatShowsNoLifeIsLost() throws {
        let server = try FakeServer { _ in nil }
        let subscription = try subscription(server, patience: .milliseconds(20))
        #expect(throws: RedisError.self) {
            while true { _ = try subscription.messages(orSignal: WakeSignal(), atMost: .seconds(60)) }
        }
    }

    @Test func aQuietServerThatAnswersIsKept() throws {
        let server = try FakeServer { pings in
            let news = "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n"
            return "*2\r\n$4\r\npong\r\n$0\r\n\r\n" + (pings == 5 ? news : "")
        }
        let subscription = try subscription(server, patience: .seconds(30))
        var messages: [String] = []
        while messages.isEmpty {
            messages = try subscription.messages(orSignal: WakeSignal(), atMost: .seconds(60))
        }
        #expect(messages == ["hello"])
    }

    /// A server that accepts one connection and one subscription.
    private final class FakeServer: Sendable {
        let port: UInt16

        /// - Parameter answer: returns the reply to a PING, given how many there were.
        init(_ answer: @escaping @Sendable (Int) -> String?) throws {
            let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let isListening = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(listener, $0, length) == 0 && listen(listener, 1) == 0
                        && getsockname(listener, $0, &length) == 0
                }
            }
            try #require(isListening)
            port = UInt16(bigEndian: address.sin_port)
            Thread { Self.serve(listener, answer) }.start()
        }

        /// Serves until the client has closed the connection.
        private static func serve(_ listener: Int32, _ answer: (Int) -> String?) {
            let client = accept(listener, nil, nil)
            defer { [client, listener].forEach { close($0) } }
            var buffer = [UInt8](repeating: 0, count: 4096)
            var pings = 0
            while case let count = read(client, &buffer, buffer.count), count > 0 {
                let text = String(decoding: buffer[..<count], as: UTF8.self)
                var reply = text.contains("SUBSCRIBE") ? "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n" : ""
                // The check of the server's version; its answer is refused.
                if text.contains("INFO") { reply += "-NOPERM\r\n" }
                for _ in text.matches(of: /PING/) {
                    pings += 1
                    reply += answer(pings) ?? ""
                }
                _ = send(client, reply, reply.utf8.count, Int32(MSG_NOSIGNAL))
            }
        }
    }
}
