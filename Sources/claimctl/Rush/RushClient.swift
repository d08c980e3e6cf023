import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// Sends many requests to ClaimAPI at the same time, over connections that are kept open.
final class RushClient: Sendable {
    private let api: APIClient
    private let client: HTTPClient

    /// - Parameter connections: the most connections.
    init(_ api: APIClient, connections: Int) {
        self.api = api
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connections
        configuration.timeout.connect = .seconds(5)
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Closes the connections.
    func close() async {
        try? await client.shutdown()
    }

    /// Sends a request and waits up to 45 s for the answer.
    ///
    /// - Throws: ``Failure`` if ClaimAPI is unreachable.
    func send(
        _ method: String, _ path: String, headers: [(String, String)] = [], body: String? = nil
    ) async throws -> APIClient.Answer {
        var request = HTTPClientRequest(url: api.base + path)
        request.method = HTTPMethod(rawValue: method)
        if !api.token.isEmpty { request.headers.add(name: "Authorization", value: "Bearer \(api.token)") }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: body))
        }
        do {
            let response = try await client.execute(request, timeout: .seconds(45))
            let body = try await response.body.collect(upTo: 16 << 20)
            return APIClient.Answer(status: Int(response.status.code), body: Data(body.readableBytesView))
        } catch {
            throw Failure.failed("ClaimAPI at \(api.base) can't be reached: \(error); start it with deploy/up")
        }
    }
}
