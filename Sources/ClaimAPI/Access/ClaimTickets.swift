import Claims
import Crypto
import Foundation
import RuntimeSupport

/// Short-lived tickets to follow one claim, for browsers: an EventSource sends no `Authorization` header.
///
/// A ticket contains the claim id and the expiry time, with a MAC over both. Every API process with the same secret
/// accepts it. Nothing is stored.
struct ClaimTickets: Sendable {
    /// Seconds. A stream that was opened in time goes on.
    static let lifetime = 60

    private let keys: [SymmetricKey]
    private static let macBytes = 20

    /// - Parameter secrets: the first one signs, all are accepted.
    init(secrets: [String]) {
        keys = secrets.map { secret in
            HKDF<SHA256>.deriveKey(
                inputKeyMaterial: SymmetricKey(data: Data(secret.utf8)), info: Data("ticket to follow a claim".utf8),
                outputByteCount: 32)
        }
    }

    /// Returns a ticket for a claim, and its expiry time.
    func ticket(for claim: ClaimID, now: Timestamp) -> (text: String, expiresAt: Timestamp) {
        let end = now.milliseconds / 1000 + Int64(Self.lifetime)
        let content = "\(claim).\(end)"
        return ("\(content).\(Self.mac(content, keys[0]))", Timestamp(milliseconds: end * 1000))
    }

    /// Returns the claim that a ticket is for; nil if it is forged or expired.
    func claim(_ ticket: String, now: Timestamp) -> ClaimID? {
        let parts = ticket.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let claim = ClaimID(String(parts[0])), let end = Int64(parts[1]),
            now.milliseconds / 1000 < end
        else { return nil }
        let content = "\(parts[0]).\(parts[1])"
        let isGenuine = keys.contains { key in
            let expected = Self.mac(content, key)
            // Compares all bytes, so that the time taken does not reveal where they differ.
            return expected.utf8.count == parts[2].utf8.count
                && zip(expected.utf8, parts[2].utf8).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
        }
        return isGenuine ? claim : nil
    }

    private static func mac(_ content: String, _ key: SymmetricKey) -> String {
        Base32Hex.encode(
            HMAC<SHA256>.authenticationCode(for: Data(content.utf8), using: key).prefix(macBytes))
    }
}
