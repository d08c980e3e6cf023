internal import Claims
internal import Postgres
internal import RuntimeSupport

/// The PostgreSQL side of dead letters: the rows of their claims, stored plans, and the archive of removed messages.
struct DeadLetterStore {
    private let connection: PostgresConnection

    init(_ connection: PostgresConnection) {
        self.connection = connection
    }

    // MARK: Claims

    /// Returns the stored claims of these ids, and the server's time at that moment. Pending claims are left out.
    func claims(_ ids: [ClaimID]) throws(PostgresError) -> (claims: [ClaimID: Claim], time: Timestamp) {
        let results = try connection.transaction([
            PostgresQuery("select \(PostgresRows.milliseconds("clock_timestamp()"))"),
            ClaimStore.finding(ids),
        ])
        return (ClaimStore.found(results[1]), results[0].timestamp(0, 0) ?? .now())
    }

    /// Makes dead-lettered claims pending again after their messages went back to their lanes.
    ///
    /// Skips rows that a worker has locked: the worker's decision counts, and waiting for it could deadlock.
    /// - Parameter time: claims that were dead-lettered after it keep their status.
    func reopen(_ ids: [ClaimID], diedUntil time: Timestamp) throws(PostgresError) {
        _ = try connection.execute(
            """
            delete from claims where id in (
                select id from claims where id = any($1) and status = 'dead_lettered' and decided_at <= $2
                for update skip locked)
            """, [.texts(ids.map(\.description)), .timestamp(time)])
    }

    /// Records claims as dead-lettered whose messages are in the dead-letter queue.
    ///
    /// - Returns: the claims that are dead-lettered now. Decided claims keep their outcome and are left out.
    func recordDeadLettered(_ claims: [Claim]) throws(PostgresError) -> [Claim] {
        try transaction(
            claims.map { claim in
                ClaimStore.upsert(claim, as: .deadLettered, replacing: [.deadLettered, .discarded], at: .claim)
            }
        ).compactMap { ClaimStore.claim($0, 0) }
    }

    /// Runs a transaction, and repeats it if it conflicts with one of a worker.
    private func transaction(_ queries: [PostgresQuery]) throws(PostgresError) -> [PostgresRows] {
        for _ in 1..<Self.conflictTries {
            do throws(PostgresError) {
                return try connection.transaction(queries)
            } catch  where error.isConflict {
                continue
            }
        }
        return try connection.transaction(queries)
    }

    private static let conflictTries = 5

    // MARK: Plans

    /// Stores a plan for 7 days.
    func store(_ plan: DeadLetterPlan, by operatorName: String) throws(PostgresError) {
        _ = try connection.transaction([
            PostgresQuery("delete from dead_letter_plans where made_at < now() - interval '7 days'"),
            PostgresQuery(
                """
                insert into dead_letter_plans (digest, action, fingerprints, made_by) values ($1, $2, $3, $4)
                on conflict (digest) do update set made_at = excluded.made_at, made_by = excluded.made_by
                """,
                [
                    .text(plan.digest), .text(plan.action.rawValue), .texts(plan.fingerprints.map(\.description)),
                    .text(operatorName),
                ]),
        ])
    }

    /// Returns a stored plan; nil if there is none with this digest.
    func plan(_ digest: String) throws(PostgresError) -> DeadLetterPlan? {
        let rows = try connection.execute(
            "select p.action, f.fingerprint from dead_letter_plans p, unnest(p.fingerprints) with ordinality "
                + "as f(fingerprint, ord) where p.digest = $1 order by f.ord", [.text(digest)])
        guard rows.count > 0, let action = rows.text(0, 0).flatMap(DeadLetterPlan.Action.init) else { return nil }
        return DeadLetterPlan(
            action, fingerprints: (0..<rows.count).compactMap { rows.text($0, 1).flatMap(CompactID.init) })
    }

    // MARK: Archive

    /// Archives messages and records their claims as discarded, all or none. Archiving again changes nothing.
    ///
    /// - Parameter claims: the claims of discarded messages, with the operator's note as their reason.
    /// - Returns: the claims that are discarded now. Decided claims keep their outcome and are left out.
    func archive(_ messages: [ArchivedMessage], discarding claims: [Claim] = []) throws(PostgresError) -> [Claim] {
        let entries = messages.map { message in
            PostgresQuery(
                """
                insert into dead_letter_archive (action, id, fingerprint, copies, note, done_by, message)
                values ($1, $2, $3, $4, $5, $6, $7::json)
                on conflict (fingerprint, action) where restored_at is null do update
                set copies = greatest(dead_letter_archive.copies, excluded.copies), note = excluded.note,
                    done_at = excluded.done_at, done_by = excluded.done_by
                """,
                [
                    .text(message.action.rawValue), .text(message.id), .text(message.fingerprint),
                    .integer(message.copies), .text(message.note), .text(message.archivedBy), .text(message.line),
                ])
        }
        let discards = claims.map { claim in
            ClaimStore.upsert(claim, as: .discarded, replacing: [.deadLettered, .discarded], at: .serverClock)
        }
        return try transaction(entries + discards).dropFirst(entries.count).compactMap { ClaimStore.claim($0, 0) }
    }

    /// Returns the messages that were discarded and not restored, oldest first.
    ///
    /// - Parameters:
    ///   - names: ids or fingerprints; nil for all.
    ///   - limit: only this many of the newest; nil for all.
    func discarded(_ names: [String]? = nil, limit: Int? = nil) throws(PostgresError) -> [ArchivedMessage] {
        let rows = try connection.execute(
            """
            select id, fingerprint, copies, note, done_by, message, \(PostgresRows.milliseconds("done_at"))
            from dead_letter_archive
            where action = 'discarded' and restored_at is null
                and ($1 or id = any($2) or fingerprint = any($2))
            order by number desc limit $3
            """, [.boolean(names == nil), .texts(names ?? []), .integer(limit)])
        return (0..<rows.count).reversed().compactMap { row in
            guard let id = rows.text(row, 0), let fingerprint = rows.text(row, 1), let by = rows.text(row, 4),
                let line = rows.text(row, 5)
            else { return nil }
            return ArchivedMessage(
                action: .discarded, id: id, fingerprint: fingerprint, copies: rows.integer(row, 2) ?? 1,
                note: rows.text(row, 3), archivedAt: rows.timestamp(row, 6), archivedBy: by, line: line)
        }
    }

    /// Returns the archive's entries of a claim, the oldest first, up to 100.
    func archived(_ id: ClaimID) throws(PostgresError) -> [ClaimTimeline.Archived] {
        let rows = try connection.execute(
            """
            select action, \(PostgresRows.milliseconds("done_at")), done_by, note,
                \(PostgresRows.milliseconds("restored_at")), restored_by, message
            from dead_letter_archive where id = $1 order by number limit 100
            """, [.text(id.description)])
        return (0..<rows.count).compactMap { row in
            guard let action = rows.text(row, 0).flatMap(ArchivedMessage.Action.init), let by = rows.text(row, 2)
            else { return nil }
            return ClaimTimeline.Archived(
                action: action, at: rows.timestamp(row, 1), by: by, note: rows.text(row, 3),
                restoredAt: rows.timestamp(row, 4), restoredBy: rows.text(row, 5),
                letter: rows.text(row, 6).flatMap { try? ExportedMessage(line: $0).letter })
        }
    }

    /// Records that discarded messages are in the queue again.
    func recordRestored(_ fingerprints: [String], by operatorName: String) throws(PostgresError) {
        _ = try connection.execute(
            """
            update dead_letter_archive set restored_at = clock_timestamp(), restored_by = $2
            where fingerprint = any($1) and action = 'discarded' and restored_at is null
            """, [.texts(fingerprints), .text(operatorName)])
    }
}
