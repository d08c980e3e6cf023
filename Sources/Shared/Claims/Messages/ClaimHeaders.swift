package import Broker
internal import OrderedCollections
package import RuntimeSupport

/// What a claim's message says in its headers about its way so far.
package struct ClaimHeaders: Hashable, Sendable {
    /// The order of publishing, see ``PublishSequence``. Messages that a queue returned are sorted by it.
    package static let sequence = PublishSequence.header
    /// The tries made.
    package static let attempts = "attempts"
    /// The failed ones, oldest first: an array of tables.
    package static let errors = "errors"
    /// Why it lies in the dead-letter queue.
    package static let reason = "reason"
    /// Since when it lies there.
    package static let diedAt = "died_at"
    /// The times that an operator sent it back to be decided, oldest first: an array of tables.
    package static let replays = "replays"
    /// The broker's own count of returned deliveries.
    package static let deliveryCount = "x-delivery-count"

    /// The value of `type` in the properties of a claim.
    package static let claimType = ClaimAction.claim.rawValue
    /// The value of `type` in the properties of a claim's cancelling.
    package static let cancelType = ClaimAction.cancel.rawValue

    package var sequence: Int64?
    package var failures: [FailedAttempt]
    /// The tries made, all of them failed.
    package var attempts: Int

    package init(sequence: Int64? = nil, failures: [FailedAttempt] = [], attempts: Int = 0) {
        self.sequence = sequence
        self.failures = failures
        self.attempts = attempts
    }

    package init(_ table: AMQPTable) {
        sequence = table[Self.sequence]?.integer
        failures = table[Self.errors]?.array?.compactMap(FailedAttempt.init) ?? []
        attempts = max(0, Int(clamping: table[Self.attempts]?.integer ?? 0))
    }
}

extension BrokerMessage {
    /// An accepted claim, or its cancelling, on its way to its lane.
    package static func claim(_ message: ClaimMessage, encodedBy coder: ClaimMessageCoder) -> BrokerMessage {
        var properties = MessageProperties()
        properties.contentType = "application/json"
        properties.deliveryMode = 2
        properties.messageID = message.id.description
        properties.timestamp = UInt64(clamping: message.createdAt.milliseconds / 1000)
        properties.type = message.action.rawValue
        return BrokerMessage(properties: properties, body: coder.encode(message))
    }

    /// This message after one more failed attempt, without the marks that the broker left on it.
    ///
    /// The broker takes a message that carries its own `x-death` for one that goes round in circles.
    package func after(_ failure: FailedAttempt) -> BrokerMessage {
        var copy = withoutBrokerMarks
        copy.properties.headers[ClaimHeaders.attempts] = .int32(Int32(clamping: failure.attempt))
        copy.properties.headers[ClaimHeaders.errors] = .array(history(with: failure.headerValue))
        return copy
    }

    /// This message as it is sent back to its lane from the dead-letter queue: with fresh retries and its history.
    ///
    /// - Parameter operator: the name of whoever does it.
    package func replayed(by operator: String, at time: Timestamp) -> BrokerMessage {
        var copy = withoutBrokerMarks
        copy.properties.expiration = nil
        if let failure = brokersVerdict {
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

    /// Why the broker itself dead-lettered the message; nil if it did not.
    package var brokersReason: String? { properties.headers["x-first-death-reason"]?.string }

    /// When the broker itself dead-lettered the message; nil if it did not.
    package var brokersDeath: Timestamp? {
        guard case .timestamp(let seconds)? = properties.headers["x-death"]?.array?.first?.table?["time"] else {
            return nil
        }
        return Timestamp(secondsClamped: seconds)
    }

    /// What the broker itself says about the death, as one more failed attempt.
    private var brokersVerdict: AMQPValue? {
        guard let reason = brokersReason else { return nil }
        let queue = properties.headers["x-first-death-queue"]?.string ?? "its queue"
        return FailedAttempt(
            attempt: Int(clamping: properties.headers[ClaimHeaders.attempts]?.integer ?? 0) + 1,
            at: brokersDeath ?? .now(), worker: "rabbitmq", code: reason, message: "dead-lettered from \(queue)"
        ).headerValue
    }

    /// The failed attempts with one more. All headers have to fit into one frame, so the oldest are forgotten.
    private func history(with failure: AMQPValue) -> [AMQPValue] {
        (properties.headers[ClaimHeaders.errors]?.array ?? []).suffix(Self.longestHistory - 1) + [failure]
    }

    private static let longestHistory = 40

    /// This message as it is put into the dead-letter queue.
    package func dead(because reason: String, at time: Timestamp) -> BrokerMessage {
        var copy = self
        copy.properties.headers[ClaimHeaders.reason] = .string(reason)
        copy.properties.headers[ClaimHeaders.diedAt] = .string(time.description)
        copy.properties.expiration = nil
        return copy
    }

    /// Persistent, and without the headers that belong to the broker.
    private var withoutBrokerMarks: BrokerMessage {
        var copy = self
        let marks = copy.properties.headers.keys.filter { $0.hasPrefix("x-") }
        for mark in marks { copy.properties.headers[mark] = nil }
        copy.properties.deliveryMode = 2
        // The broker refuses a message whose user is not the one that publishes it.
        copy.properties.userID = nil
        return copy
    }
}
