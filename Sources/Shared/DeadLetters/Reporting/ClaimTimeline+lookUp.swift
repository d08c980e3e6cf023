package import Claims

extension ClaimTimeline {
    /// Reads the history of a claim from the stores. Blocks.
    ///
    /// The dead-letter queue is read only if the claim is in it.
    package static func lookUp(_ claim: Claim, _ session: OperatorSession) -> ClaimTimeline {
        var missing: [String] = []
        var archive: [Archived] = []
        var letters: [DeadLetter] = []
        do {
            archive = try DeadLetterStore(try session.postgres()).archived(claim.id)
        } catch {
            missing.append("The archive could not be read, because PostgreSQL is unreachable.")
        }
        if claim.status == .deadLettered {
            do {
                try DeadLetterQueue.forEachLetter(session) { letter in
                    if letter.claimID == claim.id { letters.append(letter) }
                }
            } catch let error as DeadLetterError {
                missing.append("The dead-letter queue could not be read: \(error.message).")
            } catch {
                missing.append("The dead-letter queue could not be read, because RabbitMQ is unreachable.")
            }
        }
        return ClaimTimeline(claim, letters: letters, archive: archive, missing: missing)
    }
}
