import Claims
import Crypto
import Foundation
import Synchronization

/// The users of verified tokens, so that a signature is checked once and not with each request.
///
/// Bounded: of two generations, the older one is dropped when the younger one is full. A token that is used again moves to
/// the younger one.
final class TokenCache: Sendable {
    /// The SHA-256 of a token. The tokens themselves are not kept.
    struct Digest: Hashable, Sendable {
        private let a, b, c, d: UInt64

        init(_ token: some StringProtocol) {
            let words = SHA256.hash(data: Array(token.utf8)).withUnsafeBytes { bytes in
                (0..<4).map { bytes.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self) }
            }
            (a, b, c, d) = (words[0], words[1], words[2], words[3])
        }
    }

    private struct Entry {
        let user: UserID
        /// Seconds since 1970.
        let end: Int64
    }

    private struct State {
        var young: [Digest: Entry] = [:]
        var old: [Digest: Entry] = [:]
        /// Rises when the cache is cleared.
        var epoch = 0
    }

    private let state = Mutex(State())
    private let capacity: Int

    /// - Parameter capacity: the most tokens of one generation.
    init(capacity: Int = 50_000) {
        self.capacity = capacity
    }

    /// The number that ``insert(_:_:until:epoch:)`` needs. Read it before the keys.
    var epoch: Int { state.withLock { $0.epoch } }
    /// The number of tokens in memory.
    var count: Int { state.withLock { $0.young.count + $0.old.count } }

    /// Returns the user of a verified token; nil if it must be verified.
    ///
    /// - Parameter now: seconds since 1970.
    func user(_ digest: Digest, now: Int64) -> UserID? {
        state.withLock { state in
            if let entry = state.young[digest] { return now < entry.end ? entry.user : nil }
            guard let entry = state.old.removeValue(forKey: digest), now < entry.end else { return nil }
            store(digest, entry, &state)
            return entry.user
        }
    }

    /// Remembers a verified token, unless the keys have changed since it was verified.
    ///
    /// - Parameter end: seconds since 1970.
    func insert(_ digest: Digest, _ user: UserID, until end: Int64, epoch: Int) {
        state.withLock { state in
            guard epoch == state.epoch else { return }
            store(digest, Entry(user: user, end: end), &state)
        }
    }

    /// Forgets all tokens: a key that has verified some is no longer valid.
    func clear() {
        state.withLock { $0 = State(epoch: $0.epoch + 1) }
    }

    private func store(_ digest: Digest, _ entry: Entry, _ state: inout State) {
        if state.young.count >= capacity {
            state.old = state.young
            state.young = [:]
        }
        state.young[digest] = entry
    }
}
