import NIOCore

/// Finds the end of an HTTP/1.1 response and its status. It costs less than a general parser, because a load generator
/// shares the machine with what it measures.
struct ResponseParser {
    enum Event: Equatable {
        /// The response has not arrived completely.
        case incomplete
        /// A complete response; `closes` if the server ends the connection after it.
        case response(status: Int, closes: Bool)
        /// Not a response with a status and a Content-Length, or bytes after it.
        case malformed
    }

    private struct Head {
        var status = 0
        var closes = false
        var bodyLength: Int?
    }

    /// Longer responses are malformed, so that the buffer has a bound.
    static let longest = 1 << 20

    private var pending = ByteBuffer()

    /// Takes the next bytes of the connection. After a complete response the parser is ready for another one.
    mutating func receive(_ bytes: ByteBuffer) -> Event {
        if pending.readableBytes == 0 {
            pending = bytes
        } else {
            pending.writeImmutableBuffer(bytes)
        }
        let event = Self.parse(pending.readableBytesView)
        if event != .incomplete {
            pending = ByteBuffer()
        } else if pending.readableBytes > Self.longest {
            return .malformed
        }
        return event
    }

    private static func parse(_ bytes: ByteBufferView) -> Event {
        var head = Head()
        var position = bytes.startIndex
        var isFirst = true
        while let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) {
            let hasReturn = end > position && bytes[end - 1] == UInt8(ascii: "\r")
            let line = bytes[position..<(hasReturn ? end - 1 : end)]
            position = end + 1
            if isFirst {
                guard let status = status(line) else { return .malformed }
                head.status = status
                isFirst = false
            } else if line.isEmpty {
                guard let length = head.bodyLength else { return .malformed }
                let received = bytes.endIndex - position
                if received < length { return .incomplete }
                return received == length ? .response(status: head.status, closes: head.closes) : .malformed
            } else {
                guard read(line, into: &head) else { return .malformed }
            }
        }
        return .incomplete
    }

    /// Reads `HTTP/1.1 202 Accepted`.
    private static func status(_ line: ByteBufferView) -> Int? {
        guard line.count >= 12, line.starts(with: "HTTP/1.1 ".utf8) else { return nil }
        let digits = line.dropFirst(9).prefix(3)
        guard let status = number(digits), status >= 200 else { return nil }
        return status
    }

    /// Reads a header field. Most are told apart by their length alone.
    private static func read(_ line: ByteBufferView, into head: inout Head) -> Bool {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return false }
        switch colon - line.startIndex {
        case 14 where equals(line[..<colon], "content-length"):
            guard let length = number(trimmed(line[(colon + 1)...])), length <= longest else { return false }
            head.bodyLength = length
        case 10 where equals(line[..<colon], "connection"):
            head.closes = equals(trimmed(line[(colon + 1)...]), "close")
        default: break
        }
        return true
    }

    private static func trimmed(_ bytes: ByteBufferView) -> ByteBufferView {
        var bytes = bytes
        while let first = bytes.first, first == UInt8(ascii: " ") || first == UInt8(ascii: "\t") {
            bytes = bytes.dropFirst()
        }
        while let last = bytes.last, last == UInt8(ascii: " ") || last == UInt8(ascii: "\t") {
            bytes = bytes.dropLast()
        }
        return bytes
    }

    private static func number(_ bytes: ByteBufferView) -> Int? {
        guard !bytes.isEmpty, bytes.count <= 9 else { return nil }
        var value = 0
        for byte in bytes {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return value
    }

    /// Compares without regard to the case of letters.
    private static func equals(_ bytes: ByteBufferView, _ lowercase: StaticString) -> Bool {
        guard bytes.count == lowercase.utf8CodeUnitCount else { return false }
        return lowercase.withUTF8Buffer { expected in
            zip(bytes, expected).allSatisfy { $0 | 0x20 == $1 }
        }
    }
}
