import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// Where the keys of the identity provider come from: the value of `CLAIMS_JWKS`.
enum KeySetSource: Hashable, Sendable {
    case file(String)
    case url(String)

    /// Parses a path or a URL.
    ///
    /// - Returns: nil for a scheme other than `https`. `http` is allowed for loopback only, because an attacker on the
    ///   network could replace the keys.
    init?(_ text: String) {
        guard let separator = text.firstRange(of: "://") else {
            self = .file(text)
            return
        }
        guard let url = URLComponents(string: text), let host = url.host, !host.isEmpty else { return nil }
        switch text[..<separator.lowerBound].lowercased() {
        case "https": self = .url(text)
        case "http" where Loopback.contains(host): self = .url(text)
        default: return nil
        }
    }

    /// What a value must be, as the end of a sentence.
    static let rule = "the path of a file, an https:// URL, or an http:// URL of this machine"

    /// How often the keys are loaded again without a reason.
    var interval: Duration {
        switch self {
        case .file: .seconds(2)
        case .url: .seconds(300)
        }
    }

    /// The longest time to load them.
    static let timeout = Duration.seconds(5)

    /// Loads the set.
    ///
    /// - Throws: an error of Foundation or AsyncHTTPClient, or ``KeySet/Unusable``.
    func load(with client: HTTPClient) async throws -> Data {
        switch self {
        case .file(let path):
            return try Data(contentsOf: URL(fileURLWithPath: path))
        case .url(let url):
            var request = HTTPClientRequest(url: url)
            request.headers.add(name: "Accept", value: "application/jwk-set+json, application/json")
            let response = try await client.execute(
                request, timeout: .nanoseconds(Int64(Self.timeout / .nanoseconds(1))))
            guard response.status == .ok else {
                throw KeySet.Unusable(description: "the server answers \(response.status.code)")
            }
            return Data(try await response.body.collect(upTo: KeySet.largest).readableBytesView)
        }
    }
}

/// The addresses of this machine itself.
enum Loopback {
    /// Returns whether a host name or address can only be reached from this machine.
    static func contains(_ host: String) -> Bool {
        let name = host.lowercased().trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        if name == "localhost" || name == "::1" { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return parts.count == 4 && parts[0] == 127 && parts.allSatisfy { $0 != nil }
    }
}
