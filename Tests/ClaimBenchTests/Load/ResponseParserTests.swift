import NIOCore
import Testing

@testable import claimbench

@Suite struct ResponseParserTests {
    private static let accepted =
        "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nLocation: /claims/1\r\nContent-Length: 15\r\n\r\n"
        + #"{"id":"abcdef"}"#

    private static func parse(_ text: String) -> ResponseParser.Event {
        var parser = ResponseParser()
        return parser.receive(ByteBuffer(string: text))
    }

    @Test func aResponseIsCompleteWithItsBody() {
        #expect(Self.parse(Self.accepted) == .response(status: 202, closes: false))
        #expect(Self.parse(String(Self.accepted.dropLast())) == .incomplete)
    }

    @Test func aResponseIsFoundWhereverItIsSplit() {
        let bytes = Array(Self.accepted.utf8)
        for length in 1..<bytes.count {
            var parser = ResponseParser()
            #expect(parser.receive(ByteBuffer(bytes: bytes[..<length])) == .incomplete)
            let rest = ByteBuffer(bytes: bytes[length...])
            #expect(parser.receive(rest) == .response(status: 202, closes: false), "split after \(length)")
        }
    }

    @Test func aParserReadsOneResponseAfterAnother() {
        var parser = ResponseParser()
        for _ in 0..<3 {
            #expect(parser.receive(ByteBuffer(string: Self.accepted)) == .response(status: 202, closes: false))
        }
    }

    @Test func namesOfHeaderFieldsAreComparedWithoutRegardToCase() {
        #expect(
            Self.parse("HTTP/1.1 503 Service Unavailable\r\ncontent-LENGTH:  2 \r\nCONNECTION: Close\r\n\r\n{}")
                == .response(status: 503, closes: true))
    }

    @Test(arguments: [
        "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 abc\r\nContent-Length: 0\r\n\r\n",
        "HTTP/2 202 Accepted\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 202 Accepted\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 202 Accepted\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 202 Accepted\r\nno colon\r\n\r\n",
        "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\nmore",
        "\r\n",
    ])
    func whatIsNoResponseWithALengthIsMalformed(_ text: String) {
        #expect(Self.parse(text) == .malformed)
    }

    @Test func anEndlessResponseIsMalformed() {
        var parser = ResponseParser()
        var event = parser.receive(ByteBuffer(string: "HTTP/1.1 202 Accepted\r\n"))
        var received = 0
        let chunk = ByteBuffer(repeating: UInt8(ascii: "x"), count: 1 << 16)
        while event == .incomplete, received <= 2 * ResponseParser.longest {
            event = parser.receive(chunk)
            received += chunk.readableBytes
        }
        #expect(event == .malformed)
    }
}
