import Foundation
import Testing

/// A TCP connection to an API that sends exactly the bytes that a test wants, however wrong they are.
final class RawConnection {
    private let socket: Int32

    init(port: Int) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw TestFailure(description: "connecting to port \(port): errno \(errno)") }
    }

    deinit { close(socket) }

    /// Sends a text as it is.
    func send(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// Reads until the peer closes the connection. Fails the test if it does not within a minute.
    func readToEnd() throws -> String {
        try read { _ in false }
    }

    /// Reads until a text has come, or the peer closes the connection. Fails the test if neither happens in a minute.
    func read(until text: String) throws -> String {
        try read { String(decoding: $0, as: UTF8.self).contains(text) }
    }

    private func read(until isComplete: ([UInt8]) -> Bool) throws -> String {
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !isComplete(received) {
            var readable = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            guard poll(&readable, 1, 60_000) == 1 else {
                throw TestFailure(description: "nothing more came within a minute, after \(received.count) bytes")
            }
            let count = recv(socket, &buffer, buffer.count, 0)
            if count <= 0 { break }
            received += buffer.prefix(count)
        }
        return String(decoding: received, as: UTF8.self)
    }
}
