internal import Foundation

/// What Redis remembers of a claim: a hash with the request, whether it was accepted, and its present state.
///
/// ```
/// claims:claim:<id>   request   the claim as it was first asked for     written before the publish, never changed
///                     accepted  1                                       written after the publisher confirm
///                     state     the claim as it stands now              written by workers
/// ```
/// Seen is not accepted: a request without `accepted` may have been lost on its way and is published again.
/// Each hash lives ``lifetime`` from its last writing. Wiping it costs look-ups in PostgreSQL, nothing else.
package struct ClaimCache: Sendable {
    /// Seconds that a claim is remembered, and with it its idempotency key: 25 hours, one more than is promised.
    package static let lifetime = 25 * 3600

    private static let request = "request"
    private static let accepted = "accepted"
    private static let state = "state"

    private let encoder = JSONEncoder()
    private let decoder = JSONDecoder()

    package init() {
        encoder.outputFormatting = [.withoutEscapingSlashes]
    }

    /// What was remembered of a claim.
    package struct Entry: Sendable {
        /// The claim as it was first asked for, pending.
        package var request: Claim?
        /// Whether the broker has confirmed it, as an API process noted or as the worker that got it proves.
        package var isAccepted: Bool
        /// The claim as a worker last left it; nil before a worker had it.
        package var state: Claim?

        /// The latest that is known; nil if nothing is.
        package var claim: Claim? { state ?? request }
    }

    // MARK: On the way in

    /// Notes a request before it is published, unless one with this id was noted before. Answer: ``wasFirst(_:)``.
    package func note(_ claim: Claim) -> [RedisCommand] {
        let key = RedisKeys.claim(claim.id)
        return [["HSETNX", key, Self.request, json(claim)], expiry(key)]
    }

    /// Whether ``note(_:)`` met the first request with this id.
    package func wasFirst(_ replies: [RedisReply]) -> Bool {
        replies.first?.integer != 0
    }

    /// Notes that the broker has confirmed the claim. Answer: ``wasFirst(_:)``, of all requests that were confirmed.
    package func accept(_ id: ClaimID) -> [RedisCommand] {
        let key = RedisKeys.claim(id)
        return [["HSETNX", key, Self.accepted, "1"], expiry(key)]
    }

    // MARK: On the way out

    /// Notes the claim as it now stands.
    package func settle(_ claim: Claim) -> [RedisCommand] {
        let key = RedisKeys.claim(claim.id)
        return [["HSET", key, Self.state, json(claim)], expiry(key)]
    }

    /// Wakes whoever waits for one of these claims, on every API process.
    package func announce(_ ids: some Sequence<ClaimID>) -> RedisCommand {
        ["PUBLISH", RedisKeys.changes, ids.map(\.description).joined(separator: " ")]
    }

    /// Asks for what is remembered. Answer: ``entry(_:)``.
    package func lookUp(_ id: ClaimID) -> RedisCommand {
        ["HMGET", RedisKeys.claim(id), Self.request, Self.accepted, Self.state]
    }

    /// Reads the answer to ``lookUp(_:)``.
    ///
    /// - Returns: nil if nothing is remembered.
    package func entry(_ reply: RedisReply) -> Entry? {
        guard let fields = reply.array, fields.count == 3 else { return nil }
        func claim(_ field: RedisReply) -> Claim? {
            field.string.flatMap { try? decoder.decode(Claim.self, from: Data($0.utf8)) }
        }
        let state = claim(fields[2])
        let entry = Entry(
            request: claim(fields[0]), isAccepted: fields[1].string != nil || state != nil, state: state)
        return entry.claim == nil && !entry.isAccepted ? nil : entry
    }

    private func expiry(_ key: String) -> RedisCommand {
        ["EXPIRE", key, String(Self.lifetime)]
    }

    private func json(_ claim: Claim) -> String {
        guard let data = try? encoder.encode(claim) else { preconditionFailure("a claim is always JSON") }
        return String(decoding: data, as: UTF8.self)
    }
}
