import AsyncHTTPClient
import Claims
import Foundation
import NIOCore
import NIOHTTP1
import Testing

/// The stream of events of a claim.
struct Events: AsyncSequence {
    /// A block of the stream, delimited by empty lines.
    enum Block: Equatable {
        case event(name: String, id: String?, data: String)
        case comment
    }

    let headers: HTTPHeaders
    fileprivate let body: HTTPClientResponse.Body

    func makeAsyncIterator() -> Iterator {
        Iterator(bytes: body.makeAsyncIterator())
    }

    struct Iterator: AsyncIteratorProtocol {
        fileprivate var bytes: HTTPClientResponse.Body.AsyncIterator
        private var rest = ""

        fileprivate init(bytes: HTTPClientResponse.Body.AsyncIterator) {
            self.bytes = bytes
        }

        mutating func next() async throws -> Block? {
            while true {
                if let end = rest.range(of: "\n\n") {
                    let block = rest[..<end.lowerBound]
                    rest = String(rest[end.upperBound...])
                    return Self.read(block)
                }
                guard let piece = try await bytes.next() else { return nil }
                rest += String(buffer: piece)
            }
        }

        private static func read(_ block: Substring) -> Block {
            let lines = block.split(separator: "\n")
            func field(_ name: String) -> String? {
                lines.first { $0.hasPrefix("\(name): ") }.map { String($0.dropFirst(name.count + 2)) }
            }
            guard let data = field("data") else { return .comment }
            return .event(name: field("event") ?? "message", id: field("id"), data: data)
        }
    }
}

extension API {
    /// A separate client for streams, so that they do not use up the connections of other requests.
    private static let streams: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 2000
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// Opens the stream of a claim.
    func events(_ id: String) async throws -> Events { try await stream("/claims/\(id)/events") }

    /// Opens a stream of events.
    func stream(_ path: String) async throws -> Events {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.headers.add(name: "Accept", value: "text/event-stream")
        let response = try await Self.streams.execute(request, timeout: .seconds(90))
        try #require(response.status == .ok)
        return Events(headers: response.headers, body: response.body)
    }

    /// Reads the events of a claim to the end of the stream.
    ///
    /// - Parameter onEvent: called with each event.
    func follow(_ id: String, onEvent: @Sendable (Claim) -> Void = { _ in }) async throws -> [Claim] {
        var claims: [Claim] = []
        for try await case .event("claim", _, let data) in try await events(id) {
            let claim = try decode(Claim.self, from: Data(data.utf8))
            onEvent(claim)
            claims.append(claim)
        }
        return claims
    }
}
