import Claims
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import RuntimeSupport

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
    ///   - list: the field with a list of users, which allows a larger body.
    /// - Throws: ``Problem``, naming the field that is missing or not valid.
    func json<Value: Decodable & Sendable>(
        _: Value.Type, types: Set<String> = ["application/json"], list: String? = nil
    ) async throws -> Value {
        guard let mediaType, types.contains(mediaType) else { throw Problem.unsupportedMediaType }
        let data = try await bytes(atMost: list == nil ? BodyLimit.usual : BodyLimit.userList)
        guard let list else { return try Self.decode(data) }
        return try await withoutEventLoop {
            if data.count > BodyLimit.usual, data.range(of: Data("\"\(list)\"".utf8)) == nil {
                throw Problem.bodyTooLarge(limit: BodyLimit.usual)
            }
            return try Self.decode(data, list: list)
        }
    }

    private static func decode<Value: Decodable>(_ data: Data, list: String? = nil) throws(Problem) -> Value {
        let text = StrictJSON(data)
        if let violation = text.violation { throw .invalidBody("\(violation).") }
        // Far too long a list is refused before it is decoded, which takes many times its size. The rest is for the
        // other fields, and the decoded value has its own limit.
        if let list, text.commas > EligibleUsersChange.limit + 100 {
            throw .invalidBody("\(list) must have at most \(EligibleUsersChange.limit) user ids.")
        }
        do {
            return try JSON.decoder.decode(Value.self, from: data)
        } catch let error as DecodingError {
            throw .invalidBody("\(error.message).")
        } catch {
            throw .invalidBody("the body is not JSON.")
        }
    }

    /// Reads the body. A declared length above the limit is refused without reading.
    ///
    /// - Throws: ``Problem``: `body_too_large`, `request_timeout`, or `malformed_request` if the body has an invalid chunk
    ///   or the client disconnects in the middle of it.
    func bytes(atMost limit: Int) async throws(Problem) -> Data {
        if let declared = headers[.contentLength].flatMap({ Int($0) }), declared > limit {
            throw .bodyTooLarge(limit: limit)
        }
        do {
            return Data(try await body.collect(upTo: limit).readableBytesView)
        } catch is NIOTooManyBytesError {
            throw .bodyTooLarge(limit: limit)
        } catch is RequestTimeout {
            throw .requestTimeout
        } catch {
            throw .malformedRequest
        }
    }

    /// The media type in lower case, without its parameters.
    var mediaType: String? {
        guard let field = headers[.contentType] else { return nil }
        return field == "application/json" ? field : Self.mediaType(field)
    }

    private static func mediaType(_ field: String) -> String? {
        field.split(separator: ";").first.map {
            $0.trimmingCharacters(in: .whitespaces).lowercased()
        }
    }
}

extension Response {
    /// Returns a response of encoded JSON.
    static func json(encoded data: some Collection<UInt8>, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [.contentType: "application/json", .contentLength: String(data.count)],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
    }

    /// Returns a response with the value as JSON.
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        json(encoded: try JSON.encoder.encode(value), status: status)
    }
}
