internal import Broker
internal import Claims
import OrderedCollections
internal import Postgres
internal import Redis
internal import RuntimeSupport

/// Sends a mended claim to its lane and takes the message that it replaces out of the dead-letter queue.
final class MessageEditor {
    private let stores: StoreSettings
    private let store: DeadLetterStore
    private let archive: Archive

    init(_ stores: StoreSettings) throws(PostgresError) {
        self.stores = stores
        store = DeadLetterStore(try PostgresConnection.ofOperator(stores))
        archive = try Archive(stores)
    }

    /// - Throws: ``Failure`` if the message lies there no more.
    func send(_ claim: ClaimMessage, insteadOf letter: DeadLetter) throws -> SentClaim {
        let queue = try DeadLetterQueue(stores) { Terminal.note($0) }
        defer { queue.close() }
        let originals = queue.held.filter { $0.letter.message.fingerprint == letter.message.fingerprint }
        guard !originals.isEmpty else {
            throw Failure.nothingMatched("the message has left the queue meanwhile; nothing was changed")
        }
        let (claims, time) = try store.claims([claim.id.description])
        let before = claims[claim.id.description]
        if let before, before.status != .deadLettered {
            throw Failure.failed(
                "the claim \(claim.id) reads \(before.status.rawValue) already, so a mended one would be swallowed; "
                    + "nothing was changed")
        }
        try archive.archive(originals.map(\.letter), as: .mended, note: nil)
        let courier = try ConfirmedPublisher(stores)
        defer { courier.close() }
        let message = courier.numbered(letter.mended(as: claim, by: Terminal.userName, at: .now()))
        let lane = claim.couponName.lane(of: stores.lanes)
        guard try courier.deliver([.toLane(lane, message)]).count == 1 else {
            throw Failure.failed("the broker did not take the message; it lies where it was")
        }
        try store.reopen([claim.id.description], diedUntil: time)
        if let redis = try? RedisConnection(stores.redis, timeout: .seconds(2)) {
            _ = try? redis.pipeline([
                ClaimCache.reopen(claim.id, diedUntil: time), ClaimCache.announce(CollectionOfOne(claim.id)),
            ])
        }
        try queue.remove(originals)
        return SentClaim(id: claim.id, at: time, wasDecided: false)
    }
}

extension DeadLetter {
    /// The message with another body, as it is sent to its lane; its history says what was there before.
    func mended(as claim: ClaimMessage, by user: String, at time: Timestamp) -> BrokerMessage {
        var message = message.replayed(by: user, at: time)
        let new = BrokerMessage.claim(claim, encodedBy: .shared)
        message.body = new.body
        message.properties.messageID = new.properties.messageID
        message.properties.contentType = new.properties.contentType
        message.properties.contentEncoding = nil
        message.properties.type = new.properties.type
        message.properties.timestamp = new.properties.timestamp
        // All headers have to fit into one frame, so only the last original is kept in them, and not too much of it; the
        // archive has each whole.
        var replays = (message.properties.headers[ClaimHeaders.replays]?.array ?? []).map { entry -> AMQPValue in
            guard var table = entry.table else { return entry }
            table[Self.originalBody] = nil
            return .table(table)
        }
        if var last = replays.popLast()?.table {
            last["mended"] = .string(self.message.fingerprint)
            last[Self.originalBody] = .bytes(Array(self.message.body.prefix(4096)))
            replays.append(.table(last))
        }
        message.properties.headers[ClaimHeaders.replays] = .array(replays)
        return message
    }

    private static let originalBody = "original_body"
}
