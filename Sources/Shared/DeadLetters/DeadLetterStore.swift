internal import Claims
internal import Postgres
internal import RuntimeSupport

/// What PostgreSQL knows of dead letters: the claims' rows, the plans and the archive of what operators took out.
package struct DeadLetterStore {
    private let connection: PostgresConnection

    package init(_ connection: PostgresConnection) {
        self.connection = connection
    }

    // MARK: Claims

    /// How some claims stand, and the server's time at which that was so. Pending claims have no entry.
    ///
    /// - Parameter ids: claims' ids, as text.
    package func claims(
        _ ids: [String]
    ) throws(PostgresError) -> (claims: [String: Claim], time: Timestamp) {
        let results = try connection.transaction([
            PostgresQuery("select \(PostgresRows.milliseconds("clock_timestamp()"))"),
            PostgresQuery("select \(ClaimStore.columns) from claims where id = any($1)", [.texts(ids)]),
        ])
        var claims: [String: Claim] = [:]
        for row in 0..<results[1].count {
            guard let id = results[1].text(row, 0), let claim = ClaimStore.claim(results[1], row) else { continue }
            claims[id] = claim
        }
        return (claims, results[0].timestamp(0, 0) ?? .now())
    }

    /// Makes claims read pending again whose message went back to its lane.
    ///
    /// A worker may be deciding some of them already; waiting for it could end in a deadlock, and what it has come to is
    /// what counts, so those are passed over.
    /// - Parameter time: only those that were dead by then; who died anew since stays dead-lettered.
    package func reopen(_ ids: [String], diedUntil time: Timestamp) throws(PostgresError) {
        _ = try connection.execute(
            """
            delete from claims where id in (
                select id from claims where id = any($1) and status = 'dead_lettered' and decided_at <= $2
                for update skip locked)
            """, [.texts(ids), .timestamp(time)])
    }

    /// Makes claims read dead-lettered whose message lies in the dead-letter queue, again or still.
    ///
    /// Claims that were decided keep their outcome.
    /// - Returns: the claims that read dead-lettered now.
    package func recordDeadLettered(_ claims: [Claim]) throws(PostgresError) -> [Claim] {
        var queries: [PostgresQuery] = []
        for claim in claims {
            queries.append(
                PostgresQuery(
                    """
                    insert into claims (id, status, reason, user_id, coupon_name, attempts, created_at, decided_at)
                    values ($1, 'dead_lettered', $2, $3, $4, $5, $6, $7)
                    on conflict (id) do update
                    set status = 'dead_lettered', reason = excluded.reason, attempts = excluded.attempts,
                        decided_at = excluded.decided_at
                    where claims.status in ('dead_lettered', 'discarded')
                    returning \(ClaimStore.columns)
                    """,
                    [
                        .text(claim.id.description), .text(claim.reason), .text(claim.userID?.description),
                        .text(claim.couponName?.description), .integer(claim.attempts), .timestamp(claim.createdAt),
                        .timestamp(claim.decidedAt),
                    ]))
        }
        return try transaction(queries).compactMap { ClaimStore.claim($0, 0) }
    }

    /// Carries out a transaction that may meet a worker's over the same rows.
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

    /// Keeps a plan for a week.
    package func keep(_ plan: DeadLetterPlan, by operator: String) throws(PostgresError) {
        _ = try connection.transaction([
            PostgresQuery("delete from dead_letter_plans where made_at < now() - interval '7 days'"),
            PostgresQuery(
                """
                insert into dead_letter_plans (digest, action, fingerprints, made_by) values ($1, $2, $3, $4)
                on conflict (digest) do update set made_at = excluded.made_at, made_by = excluded.made_by
                """,
                [
                    .text(plan.digest), .text(plan.action.rawValue), .texts(plan.fingerprints), .text(`operator`),
                ]),
        ])
    }

    /// A plan that was kept; nil if there is none of that digest.
    package func plan(_ digest: String) throws(PostgresError) -> DeadLetterPlan? {
        let rows = try connection.execute(
            "select p.action, f.fingerprint from dead_letter_plans p, unnest(p.fingerprints) with ordinality "
                + "as f(fingerprint, ord) where p.digest = $1 order by f.ord", [.text(digest)])
        guard rows.count > 0, let action = rows.text(0, 0).flatMap(DeadLetterPlan.Action.init) else { return nil }
        return DeadLetterPlan(action, fingerprints: (0..<rows.count).compactMap { rows.text($0, 1) })
    }

    // MARK: The archive

    /// A message that an operator took out of the queue, or changed.
    package struct Archived: Sendable {
        package enum Action: String, Sendable {
            case discarded, mended
        }

        package var action: Action
        package var id: String
        package var fingerprint: String
        package var copies: Int
        package var note: String?
        package var doneAt: Timestamp?
        package var doneBy: String
        /// The whole message, as `claimctl dlq export` writes it.
        package var message: String

        package init(
            action: Action, id: String, fingerprint: String, copies: Int, note: String?, doneBy: String,
            message: String
        ) {
            self.action = action
            self.id = id
            self.fingerprint = fingerprint
            self.copies = copies
            self.note = note
            self.doneBy = doneBy
            self.message = message
        }
    }

    /// Archives messages and notes their claims as discarded, all or none.
    ///
    /// Done twice is done once. Claims that were decided keep their outcome.
    /// - Parameter claims: those whose message is discarded, with the operator's note as their reason.
    /// - Returns: the claims that read discarded now.
    package func archive(_ entries: [Archived], discarding claims: [Claim] = []) throws(PostgresError) -> [Claim] {
        var queries = entries.map { entry in
            PostgresQuery(
                """
                insert into dead_letter_archive (action, id, fingerprint, copies, note, done_by, message)
                values ($1, $2, $3, $4, $5, $6, $7::json)
                on conflict (fingerprint, action) where restored_at is null do update
                set copies = greatest(dead_letter_archive.copies, excluded.copies), note = excluded.note,
                    done_at = excluded.done_at, done_by = excluded.done_by
                """,
                [
                    .text(entry.action.rawValue), .text(entry.id), .text(entry.fingerprint), .integer(entry.copies),
                    .text(entry.note), .text(entry.doneBy), .text(entry.message),
                ])
        }
        for claim in claims {
            queries.append(
                PostgresQuery(
                    """
                    insert into claims (id, status, reason, user_id, coupon_name, attempts, created_at, decided_at)
                    values ($1, 'discarded', $2, $3, $4, $5, $6, clock_timestamp())
                    on conflict (id) do update
                    set status = 'discarded', reason = excluded.reason, decided_at = excluded.decided_at
                    where claims.status in ('dead_lettered', 'discarded')
                    returning \(ClaimStore.columns)
                    """,
                    [
                        .text(claim.id.description), .text(claim.reason), .text(claim.userID?.description),
                        .text(claim.couponName?.description), .integer(claim.attempts), .timestamp(claim.createdAt),
                    ]))
        }
        return try transaction(queries).dropFirst(entries.count).compactMap { ClaimStore.claim($0, 0) }
    }

    /// What was discarded and not restored, oldest first.
    ///
    /// - Parameter names: ids or fingerprints; nil for all.
    package func discarded(_ names: [String]? = nil) throws(PostgresError) -> [Archived] {
        let rows = try connection.execute(
            """
            select id, fingerprint, copies, note, done_by, message, \(PostgresRows.milliseconds("done_at"))
            from dead_letter_archive
            where action = 'discarded' and restored_at is null
                and ($1 or id = any($2) or fingerprint = any($2))
            order by number
            """, [.boolean(names == nil), .texts(names ?? [])])
        return (0..<rows.count).compactMap { row in
            guard let id = rows.text(row, 0), let fingerprint = rows.text(row, 1), let by = rows.text(row, 4),
                let message = rows.text(row, 5)
            else { return nil }
            var entry = Archived(
                action: .discarded, id: id, fingerprint: fingerprint, copies: rows.integer(row, 2) ?? 1,
                note: rows.text(row, 3), doneBy: by, message: message)
            entry.doneAt = rows.timestamp(row, 6)
            return entry
        }
    }

    /// Notes that discarded messages lie in the queue again.
    package func restored(_ fingerprints: [String], by operator: String) throws(PostgresError) {
        _ = try connection.execute(
            """
            update dead_letter_archive set restored_at = clock_timestamp(), restored_by = $2
            where fingerprint = any($1) and action = 'discarded' and restored_at is null
            """, [.texts(fingerprints), .text(`operator`)])
    }
}
