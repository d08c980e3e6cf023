/// Why a request of an operator was not carried out, or not completely.
///
/// Errors of the stores (`BrokerError`, `PostgresError`) are thrown as they are.
package struct DeadLetterError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A stable word for each kind of error.
    package enum Code: String, Hashable, Sendable, CaseIterable {
        /// The request does not select messages in exactly one way. Nothing was changed.
        case invalidSelection = "invalid_selection"
        /// Several different messages have the given id. Nothing was changed.
        case ambiguousID = "ambiguous_id"
        /// No message matches, or it has left the queue. Nothing was changed.
        case nothingMatched = "nothing_matched"
        /// No plan with this digest is stored. Nothing was changed.
        case planNotFound = "plan_not_found"
        /// The message has several claims, and the request is for messages with one. Nothing was changed.
        case severalClaims = "several_claims"
        /// The new body of a message breaks a rule. Nothing was changed.
        case invalidBody = "invalid_body"
        /// The claim has its outcome, so a replay of its message would have no effect. Nothing was changed.
        case alreadyDecided = "already_decided"
        /// A file of exported messages is damaged. Nothing was changed.
        case invalidImport = "invalid_import"
        /// An archived message can't be read. Nothing was changed.
        case invalidArchive = "invalid_archive"
        /// The broker did not store all messages. The others are where they were.
        case notStored = "not_stored"
        /// The change is complete for some of the given ids, the others match no message.
        case someMissing = "some_missing"
        /// A replay stopped early because too many claims failed again.
        case rampStopped = "ramp_stopped"
        /// A cancel was not sent, because its claim has no outcome yet. The cancel is still in the queue.
        case cancelWaits = "cancel_waits"
        /// Another operator has had the queue open for too long. Nothing was changed by this attempt to open it.
        case queueBusy = "queue_busy"
        /// The temporary file for messages that do not fit into memory can't be used.
        case temporaryFile = "temporary_file"
    }

    package let code: Code
    /// What happened.
    package let message: String
    /// What the operator can do next; nil if the message says it all.
    package let nextStep: String?

    package init(_ code: Code, _ message: String, nextStep: String? = nil) {
        self.code = code
        self.message = message
        self.nextStep = nextStep
    }

    package var description: String {
        nextStep.map { "\(message); \($0)" } ?? message
    }

    /// Throws ``Code/someMissing`` if there are ids that match no message.
    package static func check(missing ids: [String]) throws(DeadLetterError) {
        guard !ids.isEmpty else { return }
        throw DeadLetterError(.someMissing, "no message matches \(ids.joined(separator: ", ")); all others are done")
    }
}
