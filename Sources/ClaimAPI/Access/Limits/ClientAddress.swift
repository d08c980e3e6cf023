import Foundation
import NIOCore

/// What counts as one client address.
enum ClientAddress {
    /// Returns the IPv4 address, or the first 64 bits of an IPv6 address: one customer has all addresses below them.
    static func text(_ address: SocketAddress?) -> String {
        guard case .v6(let address)? = address else { return address?.ipAddress ?? "unknown" }
        var bytes = address.address.sin6_addr
        return withUnsafeBytes(of: &bytes) { bytes in
            // ::ffff:a.b.c.d is an IPv4 address on a socket for both.
            if bytes.prefix(10).allSatisfy({ $0 == 0 }), bytes[10] == 0xff, bytes[11] == 0xff {
                return bytes[12...].map { String($0) }.joined(separator: ".")
            }
            let groups = stride(from: 0, to: 8, by: 2).map { index in
                String(UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1]), radix: 16)
            }
            return groups.joined(separator: ":") + "::/64"
        }
    }
}
