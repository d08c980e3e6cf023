import Foundation
import RuntimeSupport

/// A server that answers every connection with the same bytes, after it has received something.
final class CannedServer: Sendable {
    let port: Int
    private let socket: Int32

    /// Listens on a free port of the loopback interface.
    init(_ answer: [UInt8]) throws {
        let socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(socket, address, length) == 0 && listen(socket, 8) == 0
                    && getsockname(socket, address, &length) == 0
            }
        }
        guard isBound else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        self.socket = socket
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread.detachNewThread {
            while true {
                let client = accept(socket, nil, nil)
                guard client >= 0 else { return }
                Thread.detachNewThread { Self.serve(client, answer) }
            }
        }
    }

    deinit {
        shutdown(socket, Int32(SHUT_RDWR))
        close(socket)
    }

    /// Answers once, then reads until the client closes.
    private static func serve(_ client: Int32, _ answer: [UInt8]) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        var hasAnswered = false
        while read(client, &buffer, buffer.count) > 0 {
            if !hasAnswered { _ = write(client, answer, answer.count) }
            hasAnswered = true
        }
        close(client)
    }

    // MARK: Servers of a version

    /// PostgreSQL, up to the end of the login.
    static func postgres(_ version: String) throws -> CannedServer {
        func message(_ type: Character, _ body: [UInt8]) -> [UInt8] {
            [type.asciiValue ?? 0] + bytes(UInt32(body.count + 4)) + body
        }
        let parameter = Array("server_version".utf8) + [0] + Array(version.utf8) + [0]
        return try CannedServer(
            message("R", bytes(UInt32(0))) + message("S", parameter) + message("Z", [UInt8(ascii: "I")]))
    }

    /// Redis, as it answers INFO.
    static func redis(_ version: String) throws -> CannedServer {
        let info = "# Server\r\nredis_version:\(version)\r\nos:Linux\r\n"
        return try CannedServer(Array("$\(info.utf8.count)\r\n\(info)\r\n".utf8))
    }

    /// RabbitMQ, up to the end of the login.
    static func rabbitMQ(_ version: String) throws -> CannedServer {
        func text(_ value: String) -> [UInt8] { bytes(UInt32(value.utf8.count)) + Array(value.utf8) }
        func field(_ name: String, _ value: String) -> [UInt8] {
            [UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(ascii: "S")] + text(value)
        }
        func method(_ number: UInt16, _ arguments: [UInt8]) -> [UInt8] {
            let payload = bytes(UInt16(10)) + bytes(number) + arguments
            return [1] + bytes(UInt16(0)) + bytes(UInt32(payload.count)) + payload + [0xCE]
        }
        let properties = field("product", "RabbitMQ") + field("version", version)
        let start = [0, 9] + bytes(UInt32(properties.count)) + properties + text("PLAIN") + text("en_US")
        let tune = bytes(UInt16(2047)) + bytes(UInt32(131_072)) + bytes(UInt16(60))
        return try CannedServer(method(10, start) + method(30, tune) + method(41, [0]))
    }

    private static func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }
}
