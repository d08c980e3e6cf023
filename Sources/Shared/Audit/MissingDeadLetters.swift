internal import Claims
internal import DeadLetters
internal import Postgres
internal import RuntimeSupport

/// The rule that every dead-lettered claim has a message in the dead-letter queue.
enum MissingDeadLetters {
    private static let rule = "dead_lettered_lies_in_queue"
    private static let looks = 4
    private static let pauseBetweenLooks = Duration.seconds(1)

    /// Returns a violation for each claim without a message.
    ///
    /// A worker records a claim as dead-lettered shortly before its message arrives in the queue, and a replay deletes
    /// the row shortly after the message has left. So missing messages are looked for several times.
    /// - Parameter ids: the dead-lettered claims.
    static func violations(
        of ids: Set<String>, _ connection: PostgresConnection, _ session: OperatorSession
    ) throws -> [AuditReport.Violation] {
        var missing = ids
        for look in 0..<looks where !missing.isEmpty {
            if look > 0 { WakeSignal().wait(atMost: pauseBetweenLooks) }
            try DeadLetterQueue.forEachLetter(session) { letter in
                if !letter.isCancel { missing.remove(letter.id) }
            }
            let rows = try connection.execute(
                "select id from claims where id = any($1) and status = 'dead_lettered'", [.texts(missing.sorted())])
            missing = Set((0..<rows.count).compactMap { rows.text($0, 0) })
        }
        return missing.sorted().map { id in
            AuditReport.Violation(
                rule: rule, subject: id,
                detail: "the claim is dead_lettered, but has no message in \(Topology.deadQueue)")
        }
    }
}
