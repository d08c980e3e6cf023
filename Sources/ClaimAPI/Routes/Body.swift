import Claims
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// The coders of this process. They are not changed after this, so all requests share them.
enum JSON {
    static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        return encoder
    }()
    static let decoder = JSONDecoder()
}

/// Bytes that a body may have.
enum BodyLimit {
    static let usual = 16 * 1024
    static let userList = 16 * 1024 * 1024
}

extension Request {
    /// The body, if it is JSON and not too large.
    ///
    /// - Parameters:
    ///   - types: the media types that it may have.
    ///   - limit: the most bytes that are read.
    ///   - allowed: how many a body may have that is larger than usual.
    /// - Throws: ``Problem``, naming the field that is missing or misused.
    func json<Value: Decodable>(
        _: Value.Type, types: Set<String> = ["application/json"], limit: Int = BodyLimit.usual,
        allowed: (Data) -> Int = { _ in BodyLimit.usual }
    ) async throws -> Value {
        guard let mediaType, types.contains(mediaType) else { throw Problem.unsupportedMediaType }
        let data = try await bytes(atMost: limit)
        if data.count > BodyLimit.usual {
            let allowed = allowed(data)
            if data.count > allowed { throw Problem.bodyTooLarge(limit: allowed) }
        }
        do {
            return try JSON.decoder.decode(Value.self, from: data)
        } catch let error as DecodingError {
            throw Problem.invalidBody("\(error.message).")
        }
    }

    /// The body as it was sent.
    ///
    /// - Throws: ``Problem`` `body_too_large`.
    func bytes(atMost limit: Int) async throws -> Data {
        do {
            return Data(try await body.collect(upTo: limit).readableBytesView)
        } catch is NIOTooManyBytesError {
            throw Problem.bodyTooLarge(limit: limit)
        }
    }

    /// The content type without its parameters, in lower case.
    var mediaType: String? {
        headers[.contentType]?.split(separator: ";").first.map {
            $0.trimmingCharacters(in: .whitespaces).lowercased()
        }
    }
}

extension Response {
    /// An answer that is JSON already.
    static func json(_ data: Data, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [.contentType: "application/json", .contentLength: String(data.count)],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
    }

    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        json(try JSON.encoder.encode(value), status: status)
    }
}
