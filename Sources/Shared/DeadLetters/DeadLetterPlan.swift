internal import Crypto

/// Exactly which dead letters an operator means to send back or discard, with a digest to name just that set by.
package struct DeadLetterPlan: Hashable, Sendable {
    package enum Action: String, Sendable {
        case replay, discard
    }

    package let action: Action
    /// The messages' fingerprints, in the order in which they are to be treated. Messages that are alike to the last
    /// byte share one.
    package let fingerprints: [String]
    /// 16 characters that stand for action and messages.
    package let digest: String

    package init(_ action: Action, fingerprints: [String]) {
        self.action = action
        self.fingerprints = fingerprints
        var hash = SHA256()
        hash.update(data: Array("\(action.rawValue)\n".utf8))
        for fingerprint in fingerprints { hash.update(data: Array("\(fingerprint)\n".utf8)) }
        digest = Base32Hex.encode(Array(hash.finalize().prefix(10)))
    }
}
