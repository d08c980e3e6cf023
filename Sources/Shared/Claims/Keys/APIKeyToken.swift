internal import Crypto
internal import Foundation

/// An API key as a client sends it: `ck_ID_SECRET`.
///
/// The id finds the key without comparing secrets. The secret is 256 random bits, so a plain hash protects it: there is
/// nothing to guess.
package struct APIKeyToken: Sendable {
    /// Every key begins with this.
    package static let prefix = "ck_"
    private static let idLength = 16
    private static let secretBytes = 32

    /// 80 random bits as 16 characters of base32hex.
    package let id: String
    /// The whole key. Never logged or stored.
    package let text: String

    /// Creates a key with a random id and secret.
    package init() {
        var random = SystemRandomNumberGenerator()
        let id = Self.randomID()
        let secret = (0..<Self.secretBytes).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        self.id = id
        text = "\(Self.prefix)\(id)_\(Self.hexadecimal(secret))"
    }

    /// Reads a key that a client sent.
    ///
    /// - Returns: nil if the text has another form.
    package init?(_ text: String) {
        guard text.hasPrefix(Self.prefix) else { return nil }
        let parts = text.utf8.dropFirst(Self.prefix.utf8.count).split(
            separator: UInt8(ascii: "_"), omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].count == Self.idLength, parts[1].count == Self.secretBytes * 2 else {
            return nil
        }
        id = String(decoding: parts[0], as: UTF8.self)
        self.text = text
    }

    /// Returns 80 random bits as 16 characters of base32hex.
    package static func randomID() -> String {
        var random = SystemRandomNumberGenerator()
        return Base32Hex.encode((0..<10).map { _ in UInt8.random(in: .min ... .max, using: &random) })
    }

    /// The SHA-256 of the whole key.
    package var hash: [UInt8] { Array(SHA256.hash(data: Array(text.utf8))) }

    /// Returns bytes in hexadecimal, as they are stored.
    static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
