import Foundation
import JWTKit

/// The keys of the identity provider: a JSON Web Key Set (RFC 7517, section 5).
struct KeySet: Sendable {
    /// By id.
    let keys: [String: VerificationKey]
    /// The keys that are not used, each with the reason, for the log.
    let refused: [String]

    /// A set without any key that can be used.
    struct Unusable: Error, CustomStringConvertible {
        let description: String
    }

    /// The largest set in bytes.
    static let largest = 1 << 20

    /// Parses a set. Keys of unknown types are left out, as RFC 7517 requires.
    ///
    /// - Throws: ``Unusable`` if no key can be used.
    init(json: Data) async throws(Unusable) {
        struct Document: Decodable { let keys: [Lenient] }
        /// A key, or nil for what is not one.
        struct Lenient: Decodable {
            let key: WebKey?
            init(from decoder: any Decoder) throws { key = try? WebKey(from: decoder) }
        }
        guard let document = try? JSON.decoder.decode(Document.self, from: json) else {
            throw Unusable(description: "it is not a JSON Web Key Set")
        }
        var keys: [String: VerificationKey] = [:]
        var refused: [String] = []
        for entry in document.keys {
            guard let webKey = entry.key else {
                refused.append("a key: it is not a JSON Web Key")
                continue
            }
            let name = "key \(webKey.kid ?? "without kid")"
            do {
                let key = try await VerificationKey(webKey)
                if keys[key.id] == nil { keys[key.id] = key } else { refused.append("\(name): its kid is used twice") }
            } catch let refusal as WebKey.Refusal {
                refused.append("\(name): \(refusal.rawValue)")
            } catch {
                refused.append("\(name): its numbers are not valid")
            }
        }
        guard !keys.isEmpty else {
            throw Unusable(description: (["it has no key that can be used"] + refused).joined(separator: "; "))
        }
        self.keys = keys
        self.refused = refused
    }

    /// Whether every key of another set is also in this one, so that no token that it verified has to be checked again.
    func contains(_ other: KeySet) -> Bool {
        other.keys.allSatisfy { id, key in
            keys[id].map { $0.material == key.material && $0.algorithm == key.algorithm } ?? false
        }
    }
}
