package import Broker
internal import OrderedCollections
package import RuntimeSupport

/// The headers of a claim's message: its history.
package struct ClaimHeaders: Hashable, Sendable {
    /// The number in the order of publishing, see ``PublishSequence``. Redelivered messages are sorted by it.
    package static let sequence = PublishSequence.header
    /// The number of attempts made since the last replay.
    package static let attempts = "attempts"
    /// The failed attempts, oldest first: an array of tables.
    package static let errors = "errors"
    /// Why the message was dead-lettered.
    package static let reason = "reason"
    /// When the message was dead-lettered.
    package static let diedAt = "died_at"
    /// The replays by operators, oldest first: an array of tables.
    package static let replays = "replays"
    /// The broker's count of failed deliveries.
    package static let deliveryCount = "x-delivery-count"
    /// The headers that the broker changes while a message is in a queue. RabbitMQ 4.3 counts returns in the second one as
    /// well.
    package static let deliveryMarks = [deliveryCount, "x-acquired-count"]

    /// Whether a header is one that the broker writes. RabbitMQ 4 does not accept all of them from a client, so they may be
    /// missing after a message was published again.
    package static func isBrokerMark(_ name: String) -> Bool {
        deliveryMarks.contains(name) || name == "x-death" || name.hasPrefix("x-first-death-")
            || name.hasPrefix("x-last-death-")
    }

    /// The `type` property of a claim.
    package static let claimType = ClaimAction.claim.rawValue
    /// The `type` property of a cancellation.
    package static let cancelType = ClaimAction.cancel.rawValue
    /// The `type` property of a message with several claims or cancellations.
    package static let batchType = "batch"

    package var sequence: Int64?
    package var failures: [FailedAttempt]
    /// The number of attempts made, all failed.
    package var attempts: Int

    package init(sequence: Int64? = nil, failures: [FailedAttempt] = [], attempts: Int = 0) {
        self.sequence = sequence
        self.failures = failures
        self.attempts = attempts
    }

    package init(_ table: AMQPTable) {
        sequence = table[Self.sequence]?.integer
        failures = table[Self.errors]?.array?.compactMap(FailedAttempt.init) ?? []
        attempts = Self.attempts(in: table)
    }

    /// Reads the number of attempts made. Another program may have written any number, and attempts are counted on from
    /// it, so it is clamped to 32 bits.
    package static func attempts(in table: AMQPTable) -> Int {
        max(0, Int(Int32(clamping: table[attempts]?.integer ?? 0)))
    }

    /// Reads the last failed attempt that is well-formed; nil if there is none.
    package static func lastFailure(in table: AMQPTable) -> FailedAttempt? {
        table[errors]?.array?.reversed().lazy.compactMap(FailedAttempt.init).first
    }
}

extension BrokerMessage {
    /// Returns the message of an accepted claim or cancellation.
    package static func claim(_ message: ClaimMessage, encodedBy coder: ClaimMessageCoder) -> BrokerMessage {
        var properties = MessageProperties()
        properties.contentType = "application/json"
        properties.deliveryMode = 2
        properties.messageID = message.id.description
        properties.timestamp = UInt64(clamping: message.createdAt.milliseconds / 1000)
        properties.type = message.action.rawValue
        if let trace = message.trace { TraceHeaders.set(trace, in: &properties.headers) }
        return BrokerMessage(properties: properties, body: coder.encode(message))
    }

    /// Returns the message of accepted claims and cancellations of one lane, at least one, in order.
    package static func claims(_ messages: [ClaimMessage], encodedBy coder: ClaimMessageCoder) -> BrokerMessage {
        guard messages.count != 1 else { return .claim(messages[0], encodedBy: coder) }
        var properties = MessageProperties()
        properties.contentType = "application/json"
        properties.deliveryMode = 2
        properties.type = ClaimHeaders.batchType
        if messages.contains(where: { $0.trace != nil }) {
            TraceHeaders.set(messages.map(\.trace), in: &properties.headers)
        }
        return BrokerMessage(properties: properties, body: coder.encode(messages))
    }

    /// Returns the message with one more failed attempt, and without the broker's own headers.
    ///
    /// With its `x-death` header the message could be dropped as part of a dead-letter cycle.
    package func recording(_ failure: FailedAttempt) -> BrokerMessage {
        var copy = withoutBrokerHeaders
        copy.properties.headers[ClaimHeaders.attempts] = .int32(Int32(clamping: failure.attempt))
        copy.properties.headers[ClaimHeaders.errors] = .array(history(with: failure.headerValue))
        return copy
    }

    /// Returns the message for a replay: with all its retries and its history.
    ///
    /// - Parameter operator: the name of the operator.
    package func replayed(by operator: String, at time: Timestamp) -> BrokerMessage {
        var copy = withoutBrokerHeaders
        copy.properties.expiration = nil
        if let failure = brokerFailure {
            copy.properties.headers[ClaimHeaders.errors] = .array(history(with: failure))
        }
        var replay: AMQPTable = ["at": .string(time.description), "by": .string(`operator`)]
        for name in [ClaimHeaders.reason, ClaimHeaders.attempts, ClaimHeaders.diedAt] {
            replay[name] = copy.properties.headers.removeValue(forKey: name)
        }
        let replays = properties.headers[ClaimHeaders.replays]?.array ?? []
        copy.properties.headers[ClaimHeaders.replays] = .array(
            replays.suffix(Self.longestHistory - 1) + [.table(replay)])
        return copy
    }

    /// The broker's own record of the latest dead-lettering. It is the first entry of `x-death`; `x-first-death-reason`
    /// speaks of the oldest one, which is the end of a retry's delay for a claim that was retried.
    ///
    /// <https://www.rabbitmq.com/docs/dlx#effects>
    private var latestDeath: AMQPTable? { properties.headers["x-death"]?.array?.first?.table }

    /// Why the broker dead-lettered the message last; nil if it did not.
    package var brokerDeadLetterReason: String? {
        latestDeath?["reason"]?.string ?? properties.headers["x-first-death-reason"]?.string
    }

    /// When the broker dead-lettered the message; nil if it did not.
    package var brokerDeadLetterTime: Timestamp? {
        guard case .timestamp(let seconds)? = latestDeath?["time"] else { return nil }
        return Timestamp(secondsClamped: seconds)
    }

    /// The dead-lettering by the broker as a failed attempt.
    private var brokerFailure: AMQPValue? {
        guard let reason = brokerDeadLetterReason else { return nil }
        let queue =
            latestDeath?["queue"]?.string ?? properties.headers["x-first-death-queue"]?.string ?? "its queue"
        return FailedAttempt(
            attempt: ClaimHeaders.attempts(in: properties.headers) + 1,
            at: brokerDeadLetterTime ?? .now(), worker: "rabbitmq", code: reason, message: "dead-lettered from \(queue)"
        ).headerValue
    }

    /// Returns the failed attempts with one more. All headers must fit into one frame, so the oldest are dropped.
    private func history(with failure: AMQPValue) -> [AMQPValue] {
        (properties.headers[ClaimHeaders.errors]?.array ?? []).suffix(Self.longestHistory - 1) + [failure]
    }

    private static let longestHistory = 40

    /// Returns the message for the dead-letter queue.
    package func deadLettered(reason: String, at time: Timestamp) -> BrokerMessage {
        var copy = self
        copy.properties.headers[ClaimHeaders.reason] = .string(reason)
        copy.properties.headers[ClaimHeaders.diedAt] = .string(time.description)
        copy.properties.expiration = nil
        return copy
    }

    /// A persistent copy without the broker's own headers.
    package var withoutBrokerHeaders: BrokerMessage {
        var copy = self
        let brokerHeaders = copy.properties.headers.keys.filter { $0.hasPrefix("x-") }
        for name in brokerHeaders { copy.properties.headers[name] = nil }
        copy.properties.deliveryMode = 2
        // The broker refuses a message whose user id is not that of the connection.
        copy.properties.userID = nil
        return copy
    }
}
