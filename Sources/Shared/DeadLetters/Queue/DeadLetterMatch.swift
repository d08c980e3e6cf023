/// The messages that an operator means by one id, message id or fingerprint.
package struct DeadLetterMatch: Sendable {
    /// The one that was dead-lettered last.
    package private(set) var newest: DeadLetter
    package private(set) var count = 1
    /// The fingerprints of some others, that differ from the newest.
    private var found: Set<String> = []
    private static let fingerprintLimit = 20

    private init(_ letter: DeadLetter) {
        newest = letter
        found = [letter.message.fingerprint]
    }

    private mutating func add(_ letter: DeadLetter) {
        count += 1
        if DeadLetter.diedBefore(newest, letter) { newest = letter }
        if found.count <= Self.fingerprintLimit { found.insert(letter.message.fingerprint) }
    }

    /// The fingerprints of the other messages that are not identical to the newest, 20 at most.
    package var others: [String] {
        found.subtracting([newest.message.fingerprint]).sorted()
    }

    /// Reads the queue, and finds the messages that an operator means by a name.
    ///
    /// - Throws: ``DeadLetterError/Code/nothingMatched`` if there is none, or `BrokerError`.
    package init(id: String, _ session: OperatorSession) throws {
        var match: DeadLetterMatch?
        try DeadLetterQueue.forEachLetter(session) { letter in
            guard letter.matches(id: id) else { return }
            if match == nil { match = DeadLetterMatch(letter) } else { match?.add(letter) }
        }
        guard let match else {
            throw DeadLetterError(.nothingMatched, "no message \(id) in the dead-letter queue")
        }
        self = match
    }
}
