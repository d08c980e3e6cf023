import HTTPTypes
import Hummingbird
import NIOCore

extension Request {
    /// Returns a GET request as a route receives it.
    static func get(_ path: String, headers: HTTPFields = [:]) -> Request {
        Request(
            head: HTTPRequest(method: .get, scheme: "http", authority: "localhost", path: path, headerFields: headers),
            body: RequestBody(buffer: ByteBuffer()))
    }

    /// Returns a POST request as a route receives it.
    static func post(_ path: String, body: String, headers: HTTPFields = [.contentType: "application/json"]) -> Request
    {
        Request(
            head: HTTPRequest(method: .post, scheme: "http", authority: "localhost", path: path, headerFields: headers),
            body: RequestBody(buffer: ByteBuffer(string: body)))
    }
}
