internal import Foundation

/// The address and credentials of a broker, parsed from an AMQP URI.
///
/// <https://www.rabbitmq.com/docs/uri-spec>
package struct BrokerAddress: Hashable, Sendable, CustomStringConvertible {
    package var isTLS: Bool
    package var host: String
    package var port: Int
    package var user: String
    package var password: String
    package var virtualHost: String
    /// The files of TLS. Nil for the certificate authorities of the system and no client certificate.
    package var certificateAuthorities: String?
    package var clientCertificate: String?
    package var clientKey: String?

    /// The address without user and password.
    package var description: String {
        "\(isTLS ? "amqps" : "amqp")://\(host):\(port)/\(virtualHost)"
    }

    /// Parses a comma-separated list of `amqp[s]://user:password@host:port/vhost`.
    ///
    /// An `amqps` address may have parameters with the paths of PEM files, named like the options of rabbitmq-c's tools:
    /// `cacert` for the certificate authorities, `cert` and `key` for the client certificate. RabbitMQ's own names
    /// `cacertfile`, `certfile` and `keyfile` are the same.
    ///
    /// - Returns: nil if the list is empty or any part is not such an address. Another parameter is refused, since it would
    ///   have no effect, and so is a certificate without its key.
    package static func list(_ text: String) -> [BrokerAddress]? {
        let parts = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        let addresses = parts.compactMap(BrokerAddress.init(url:))
        return addresses.isEmpty || addresses.count != parts.count ? nil : addresses
    }

    init?(url text: String) {
        guard let url = URLComponents(string: text), let host = url.host, !host.isEmpty,
            url.scheme == "amqp" || url.scheme == "amqps", url.fragment == nil, let files = Self.files(url)
        else { return nil }
        isTLS = url.scheme == "amqps"
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        port = url.port ?? (isTLS ? 5671 : 5672)
        guard (1...65535).contains(port) else { return nil }
        user = url.user ?? "guest"
        password = url.password ?? "guest"
        // "amqp://host" means the default virtual host "/", "amqp://host/" the virtual host with an empty name, and
        // "amqp://host/%2F" means "/".
        let path = url.percentEncodedPath.dropFirst()
        guard !path.contains("/"), let name = path.removingPercentEncoding else { return nil }
        virtualHost = url.path.isEmpty ? "/" : name
        (certificateAuthorities, clientCertificate, clientKey) = (files["cacert"], files["cert"], files["key"])
    }

    /// Returns the files that the query names; nil if the query is not valid.
    private static func files(_ url: URLComponents) -> [String: String]? {
        guard url.query != nil else { return [:] }
        guard url.scheme == "amqps", let items = url.queryItems, !items.isEmpty else { return nil }
        var files: [String: String] = [:]
        for item in items {
            let name = item.name.hasSuffix("file") ? String(item.name.dropLast("file".count)) : item.name
            guard ["cacert", "cert", "key"].contains(name), let value = item.value, !value.isEmpty, files[name] == nil
            else { return nil }
            files[name] = value
        }
        return (files["cert"] == nil) == (files["key"] == nil) ? files : nil
    }
}
