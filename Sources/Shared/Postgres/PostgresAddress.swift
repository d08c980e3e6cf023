internal import CPostgres

/// The address and credentials of a PostgreSQL server: a connection URL of libpq that was found to be usable.
///
/// <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>
package struct PostgresAddress: Hashable, Sendable, CustomStringConvertible {
    /// The complete URL, with the password.
    let url: String
    /// The address without user and password.
    package let description: String

    /// Parses `postgres[ql]://[user[:password]@][host][:port][,…][/database][?option=value…]`.
    ///
    /// - Returns: nil if libpq cannot parse the URL or would refuse the value of an option. libpq's own message is not
    ///   used, because it quotes parts of the URL.
    package init?(url: String) {
        guard !url.utf8.contains(0), let options = Self.options(of: url), Self.hasPlainSeparators(url) else {
            return nil
        }
        let ports = options["port", default: ""].split(separator: ",", omittingEmptySubsequences: false)
        guard ports.allSatisfy({ $0.isEmpty || Int($0).map((1...65535).contains) == true }),
            Self.numbers.allSatisfy({ options[$0].map { Int32($0) != nil } ?? true }),
            Self.choices.allSatisfy({ name, values in options[name].map(values.contains) ?? true })
        else { return nil }
        self.url = url
        let hosts = options["host", default: ""].split(separator: ",", omittingEmptySubsequences: false)
        let servers = hosts.enumerated().map { number, host in
            // One port is that of all hosts.
            let port = ports.count == 1 ? ports[0] : ports.indices.contains(number) ? ports[number] : ""
            return port.isEmpty ? "\(host)" : "\(host):\(port)"
        }
        description = "postgres://\(servers.joined(separator: ","))/\(options["dbname"] ?? "")"
    }

    /// Returns the options that the URL sets; nil if libpq cannot parse it.
    private static func options(of url: String) -> [String: String]? {
        guard url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") else { return nil }
        var message: UnsafeMutablePointer<CChar>?
        guard let list = PQconninfoParse(url, &message) else {
            PQfreemem(message)
            return nil
        }
        defer { PQconninfoFree(list) }
        var options: [String: String] = [:]
        var option = list
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { options[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        return options
    }

    /// Whether no separator of a user or password is left unencoded.
    ///
    /// libpq takes `u:pa/ss@host` as the host `u`, the port `pa` and the database `ss@host`, and would print them.
    private static func hasPlainSeparators(_ url: String) -> Bool {
        let rest = url[(url.firstRange(of: "://")?.upperBound ?? url.startIndex)...]
        let credentials = rest.prefix { $0 != "@" && $0 != "/" }
        let hasCredentials = rest.dropFirst(credentials.count).first == "@"
        let location = rest.dropFirst(hasCredentials ? credentials.count + 1 : 0).prefix { $0 != "?" }
        return !location.contains("@") && location.filter { $0 == "/" }.count <= 1
    }

    private static let numbers = [
        "connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count",
        "tcp_user_timeout",
    ]
    private static let choices: [String: Set<String>] = [
        "sslmode": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
        "gssencmode": ["disable", "prefer", "require"],
        "channel_binding": ["disable", "prefer", "require"],
        "target_session_attrs": ["any", "read-write", "read-only", "primary", "standby", "prefer-standby"],
    ]
}
