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

    /// The address without user and password.
    package var description: String {
        "\(isTLS ? "amqps" : "amqp")://\(host):\(port)/\(virtualHost)"
    }

    /// Parses a comma-separated list of `amqp[s]://user:password@host:port/vhost`.
    ///
    /// - Returns: nil if the list is empty or any part is not such an address. A query is refused, since none of its
    ///   parameters would have an effect.
    package static func list(_ text: String) -> [BrokerAddress]? {
        let parts = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        let addresses = parts.compactMap(BrokerAddress.init(url:))
        return addresses.isEmpty || addresses.count != parts.count ? nil : addresses
    }

    init?(url text: String) {
        guard let url = URLComponents(string: text), let host = url.host, !host.isEmpty,
            url.scheme == "amqp" || url.scheme == "amqps", url.query == nil, url.fragment == nil
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
    }
}
