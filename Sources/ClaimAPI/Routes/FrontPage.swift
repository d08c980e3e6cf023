import Foundation
import HTTPTypes
import Hummingbird

/// The HTML page at `GET /`: a short introduction, and the events of a claim as they arrive.
enum FrontPage {
    /// The page that is built into the program.
    private static let file = Bundle.module.url(forResource: "page", withExtension: "html")
        .flatMap { try? String(contentsOf: $0, encoding: .utf8) }

    /// Returns the page with a content security policy that allows only its own style and script.
    ///
    /// <https://www.w3.org/TR/CSP3/>
    static func response() throws -> Response {
        guard let file else { throw Problem.notFound }
        // An injected script cannot know the nonce.
        let nonce = Data((0..<16).map { _ in UInt8.random(in: .min ... .max) }).base64EncodedString()
        let policy = [
            "default-src 'none'", "script-src 'nonce-\(nonce)'", "style-src 'nonce-\(nonce)'", "connect-src 'self'",
            "img-src data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
        ]
        let page = file.replacing("{{nonce}}", with: nonce)
        return Response(
            status: .ok,
            headers: [
                .contentType: "text/html; charset=utf-8", .contentLength: String(page.utf8.count),
                .cacheControl: "no-store", .contentSecurityPolicy: policy.joined(separator: "; "),
                .xContentTypeOptions: "nosniff", .referrerPolicy: "no-referrer", .xFrameOptions: "DENY",
                .crossOriginOpenerPolicy: "same-origin", .permissionsPolicy: "camera=(), microphone=(), geolocation=()",
            ],
            body: ResponseBody(byteBuffer: ByteBuffer(string: page)))
    }
}

extension HTTPField.Name {
    // Well-formed tokens.
    static let crossOriginOpenerPolicy = Self("Cross-Origin-Opener-Policy")!
    static let permissionsPolicy = Self("Permissions-Policy")!
    static let referrerPolicy = Self("Referrer-Policy")!
    static let xFrameOptions = Self("X-Frame-Options")!
}
