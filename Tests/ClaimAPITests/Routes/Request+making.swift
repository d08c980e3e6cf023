import HTTPTypes
import Hummingbird
import NIOCore

extension Request {
    /// A request as the server hands it to a route.
    static func get(_ path: String, headers: HTTPFields = [:]) -> Request {
        Request(
            head: HTTPRequest(method: .get, scheme: "http", authority: "localhost", path: path, headerFields: headers),
            body: RequestBody(buffer: ByteBuffer()))
    }

    static func post(_ path: String, body: String, headers: HTTPFields = [.contentType: "application/json"]) -> Request
    {
        Request(
            head: HTTPRequest(method: .post, scheme: "http", authority: "localhost", path: path, headerFields: headers),
            body: RequestBody(buffer: ByteBuffer(string: body)))
    }
}
