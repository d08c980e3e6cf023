internal import Foundation

/// The address of a Redis server, parsed from a URL of the `redis` scheme that is registered with IANA.
///
/// <https://www.iana.org/assignments/uri-schemes/prov/redis>
package struct RedisAddress: Hashable, Sendable, CustomStringConvertible {
    package var host: String
    package var port: Int
    package var user: String?
    package var password: String?
    package var database: Int

    /// The address without user and password.
    package var description: String { "redis://\(host):\(port)/\(database)" }

    /// Parses `redis://[[user]:password@]host[:port][/database]`; nil if the text has another form.
    ///
    /// A query is refused, since none of its parameters would have an effect, and so is a user without a password.
    package init?(url text: String) {
        guard let url = URLComponents(string: text), url.scheme == "redis", let host = url.host, !host.isEmpty,
            url.query == nil, url.fragment == nil
        else { return nil }
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        port = url.port ?? 6379
        guard (1...65535).contains(port) else { return nil }
        user = url.user.flatMap { $0.isEmpty ? nil : $0 }
        password = url.password
        guard user == nil || password != nil else { return nil }
        let path = url.path.dropFirst()
        guard let database = path.isEmpty ? 0 : Int(path), database >= 0 else { return nil }
        self.database = database
    }
}
