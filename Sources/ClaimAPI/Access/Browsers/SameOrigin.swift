import HTTPTypes
import Hummingbird

/// Refuses changes that a page of another site sends through an operator's browser.
///
/// Tokens are never sent by a browser on its own, so this matters for an open API. Together with the required content
/// type, which a form cannot send, it keeps pages from other sites out.
enum SameOrigin {
    /// - Throws: ``Problem`` `forbidden`.
    static func check(_ request: Request) throws(Problem) {
        // Sent by every browser, and by no other client (https://www.w3.org/TR/fetch-metadata/).
        guard let site = request.headers[.secFetchSite] else { return }
        guard site == "same-origin" || site == "none" else { throw .crossSite }
    }
}

extension HTTPField.Name {
    /// A well-formed token.
    static let secFetchSite = Self("Sec-Fetch-Site")!
}
