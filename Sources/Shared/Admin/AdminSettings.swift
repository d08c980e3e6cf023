package import Settings

/// Where the admin listener of a program accepts connections.
package struct AdminSettings: Hashable, Sendable {
    package var host: String
    package var port: Int

    package static let adminHost = Setting(
        "CLAIMS_ADMIN_HOST", defaultValue: "127.0.0.1", help: "Address of the admin listener")
    package static let adminPort = Setting(
        "CLAIMS_ADMIN_PORT", defaultValue: "",
        help: """
            Port of the admin listener, which serves /healthz, /readyz and /metrics without a token; no listener if empty
            """)

    package static let all = [adminHost, adminPort]

    /// Reads the settings; nil if there is to be no admin listener.
    package static func read(_ reader: SettingReader) throws(SettingError) -> AdminSettings? {
        let host = try reader.text(adminHost)
        let port = try reader.value(adminPort, mustBe: "empty or a whole number from 1 to 65535") { text -> Int?? in
            if text.isEmpty { return .some(nil) }
            return Int(text).flatMap { (1...65535).contains($0) ? .some($0) : nil }
        }
        return port.map { AdminSettings(host: host, port: $0) }
    }
}
