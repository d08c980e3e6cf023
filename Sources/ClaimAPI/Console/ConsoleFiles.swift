import Crypto
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// The files of the console: one page, its style and its script modules, built into the program.
///
/// They are read once. Each has an entity tag, so that a browser revalidates it and gets 304 until the program changes.
enum ConsoleFiles {
    /// A file as it is sent.
    private struct File: Sendable {
        let body: ByteBuffer
        let type: String
        let tag: String
    }

    private static let types = [
        "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
        "svg": "image/svg+xml",
    ]

    /// By name.
    private static let files: [String: File] = {
        guard let folder = Bundle.module.url(forResource: "Page", withExtension: nil),
            let urls = try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        else { return [:] }
        let loaded = urls.compactMap { url -> (String, File)? in
            guard let type = types[url.pathExtension], let data = try? Data(contentsOf: url) else { return nil }
            let digest = SHA256.hash(data: data).prefix(12).map { String($0, radix: 16) }.joined()
            return (url.lastPathComponent, File(body: ByteBuffer(bytes: data), type: type, tag: "\"\(digest)\""))
        }
        return Dictionary(uniqueKeysWithValues: loaded)
    }()

    static var endpoints: [Endpoint] {
        [
            Endpoint("/", [.get: { request, _ in try response("index.html", to: request) }]),
            Endpoint(
                "/console/{file}",
                [.get: { request, context in try response(context.pathParameter("file"), to: request) }]),
        ]
    }

    /// The page loads nothing but its own files, runs no inline script, and is shown in no other page.
    ///
    /// <https://www.w3.org/TR/CSP3/>
    private static let policy = [
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
        "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ].joined(separator: "; ")

    private static func response(_ name: String, to request: Request) throws -> Response {
        guard let file = files[name] else { throw Problem.notFound }
        let headers: HTTPFields = [
            .eTag: file.tag, .cacheControl: "no-cache", .contentSecurityPolicy: policy, .xContentTypeOptions: "nosniff",
            .referrerPolicy: "no-referrer", .xFrameOptions: "DENY", .crossOriginOpenerPolicy: "same-origin",
            .crossOriginResourcePolicy: "same-origin",
            .permissionsPolicy: "camera=(), microphone=(), geolocation=()",
        ]
        if let known = request.headers[.ifNoneMatch], matches(known, file.tag) {
            return Response(status: .notModified, headers: headers)
        }
        var all = headers
        all[.contentType] = file.type
        all[.contentLength] = String(file.body.readableBytes)
        return Response(status: .ok, headers: all, body: ResponseBody(byteBuffer: file.body))
    }

    /// Whether an `If-None-Match` field names the tag (RFC 9110, section 13.1.2).
    static func matches(_ field: String, _ tag: String) -> Bool {
        field.split(separator: ",").contains { part in
            let known = part.trimmingCharacters(in: .whitespaces)
            return known == "*" || known == tag || known == "W/\(tag)"
        }
    }
}

extension HTTPField.Name {
    // Well-formed tokens.
    static let crossOriginOpenerPolicy = Self("Cross-Origin-Opener-Policy")!
    static let permissionsPolicy = Self("Permissions-Policy")!
    static let referrerPolicy = Self("Referrer-Policy")!
    static let xFrameOptions = Self("X-Frame-Options")!
}
