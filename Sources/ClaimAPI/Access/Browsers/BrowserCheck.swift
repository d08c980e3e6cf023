import HTTPTypes
import Hummingbird

/// Refuses requests that a page of another site sends through an operator's browser.
///
/// A browser adds no token to such a request, so this protects an open API.
struct BrowserCheck: Sendable {
    /// The origins whose pages may send changes: those of `CLAIMS_CORS_ORIGINS`.
    var origins: Set<String> = []
    /// Whether the `Host` of a request must be an address or a name of this machine.
    ///
    /// The host name of a malicious page can resolve to 127.0.0.1 (DNS rebinding). A browser then treats the API as a
    /// part of that page, and only the `Host` field tells the difference.
    var requiresLocalHost = false

    /// Checks a request.
    ///
    /// - Throws: ``Problem`` `forbidden`.
    func check(_ request: Request) throws(Problem) {
        if requiresLocalHost, let host = request.head.authority, !Self.isLocal(host) { throw .foreignHost }
        switch request.method {
        case .get, .head, .options: return
        default: break
        }
        // Browsers send the field to origins that they trust, which include loopback and HTTPS
        // (https://www.w3.org/TR/fetch-metadata/). Other clients do not send it.
        guard let site = request.headers[.secFetchSite], site != "same-origin", site != "none" else { return }
        guard let origin = request.headers[.origin], origins.contains(origin) else { throw .crossSite }
    }

    /// Whether a `Host` field can't be the name of a page on the internet: an IP address, or a name without a domain.
    static func isLocal(_ field: String) -> Bool {
        if field.hasPrefix("[") { return true }
        let name = (field.split(separator: ":", omittingEmptySubsequences: false).first ?? "").lowercased()
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        return labels.count == 1 || labels.last == "localhost"
            || (labels.count == 4 && labels.allSatisfy { UInt8($0) != nil })
    }
}

extension HTTPField.Name {
    /// A well-formed token.
    static let secFetchSite = Self("Sec-Fetch-Site")!
}
