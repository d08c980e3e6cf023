internal import Claims
internal import Crypto

/// An exact set of dead letters to replay or discard, with a digest that identifies it.
package struct DeadLetterPlan: Hashable, Sendable {
    package enum Action: String, Codable, Hashable, Sendable {
        case replay, discard
    }

    package let action: Action
    /// The messages' fingerprints, in the order of processing. Identical messages share one fingerprint.
    package let fingerprints: [CompactID]
    /// 16 characters that identify the action and the messages.
    package let digest: String

    package init(_ action: Action, fingerprints: [CompactID]) {
        self.action = action
        self.fingerprints = fingerprints
        var hash = SHA256()
        hash.update(data: Array("\(action.rawValue)\n".utf8))
        for fingerprint in fingerprints { hash.update(data: Array("\(fingerprint)\n".utf8)) }
        digest = Base32Hex.encode(Array(hash.finalize().prefix(10)))
    }
}
