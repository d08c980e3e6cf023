import Claims
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// The JSON coders, shared by all requests because they are never changed.
enum JSON {
    static let encoder = OrderedJSONEncoder()
    static let decoder = JSONDecoder()
}

/// The largest bodies, in bytes.
enum BodyLimit {
    static let usual = 16 * 1024
    static let userList = 16 * 1024 * 1024
}

extension Request {
    /// Reads and decodes a JSON body.
    ///
    /// - Parameters:
    ///   - types: the accepted media types.
    ///   - limit: the most bytes to read.
    ///   - allowed: returns the largest size for this body, if it is larger than usual.
    /// - Throws: ``Problem``, naming the field that is missing or not valid.
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
        if let violation = StrictJSON.violation(in: data) { throw Problem.invalidBody("\(violation).") }
        do {
            return try JSON.decoder.decode(Value.self, from: data)
        } catch let error as DecodingError {
            throw Problem.invalidBody("\(error.message).")
        }
    }

    /// Reads the body. A declared length above the limit is refused without reading.
    ///
    /// - Throws: ``Problem`` `body_too_large`.
    func bytes(atMost limit: Int) async throws -> Data {
        if let declared = headers[.contentLength].flatMap({ Int($0) }), declared > limit {
            throw Problem.bodyTooLarge(limit: limit)
        }
        do {
            return Data(try await body.collect(upTo: limit).readableBytesView)
        } catch is NIOTooManyBytesError {
            throw Problem.bodyTooLarge(limit: limit)
        }
    }

    /// The media type in lower case, without its parameters.
    var mediaType: String? {
        headers[.contentType]?.split(separator: ";").first.map {
            $0.trimmingCharacters(in: .whitespaces).lowercased()
        }
    }
}

extension Response {
    /// Returns a response of encoded JSON.
    static func json(_ data: Data, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [.contentType: "application/json", .contentLength: String(data.count)],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
    }

    /// Returns a response with the value as JSON.
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        json(try JSON.encoder.encode(value), status: status)
    }
}
