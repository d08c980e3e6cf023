package import Postgres
package import RuntimeSupport

/// A change that an operator made or tried to make, for the audit trail.
package struct OperatorAction: Codable, Hashable, Sendable {
    /// What was done. The names are stored, so they never change.
    package enum Kind: String, Codable, Hashable, Sendable, CaseIterable {
        case couponCreate = "coupon.create"
        case couponChange = "coupon.change"
        case couponEligibleUsers = "coupon.eligible_users"
        case keyCreate = "key.create"
        case keyRevoke = "key.revoke"
        case keyRotate = "key.rotate"
        case deadLetterReplay = "dlq.replay"
        case deadLetterDiscard = "dlq.discard"
        case deadLetterRestore = "dlq.restore"
        case deadLetterEdit = "dlq.edit"
        case deadLetterImport = "dlq.import"
        case claimCancel = "claim.cancel"
        case userForget = "user.forget"
        case claimRequeue = "claim.requeue"
    }

    /// The outcome of an action that was carried out completely.
    package static let done = "done"

    package let at: Timestamp
    /// Who did it: a user of the system, or the name and id of an API key.
    package let `operator`: String
    package let action: String
    /// What it was done to: a coupon, a key, or a selection of dead letters.
    package let subject: String?
    /// ``done``, or what went wrong.
    package let outcome: String
    /// What was changed, in one line.
    package let detail: String?
}

/// The audit trail in PostgreSQL.
package struct OperatorLog {
    private let connection: PostgresConnection

    package init(_ connection: PostgresConnection) {
        self.connection = connection
    }

    /// Records an action that is not part of a transaction.
    package func record(
        _ action: OperatorAction.Kind, on subject: String?, by name: String, outcome: String, detail: String? = nil
    ) throws(PostgresError) {
        try connection.execute(
            "insert into operator_actions (operator, action, subject, outcome, detail) values ($1, $2, $3, $4, $5)",
            [
                .text(name), .text(action.rawValue), .text(subject), .text(Self.line(outcome)),
                .text(detail.map(Self.line)),
            ])
    }

    /// Returns the actions since a time, the oldest first.
    ///
    /// - Parameter limit: the most actions to return; the newest ones remain.
    package func actions(since time: Timestamp?, limit: Int) throws(PostgresError) -> [OperatorAction] {
        let rows = try connection.execute(
            """
            select \(Self.columns) from operator_actions where done_at >= coalesce($1, '-infinity')
            order by number desc limit $2
            """, [.timestamp(time), .integer(limit)])
        return Self.actions(rows).reversed().map(\.action)
    }

    /// Returns a page of all actions, the newest first, each with its number.
    ///
    /// - Parameters:
    ///   - number: the number of the last action of the previous page; nil for the first page.
    ///   - limit: the most actions to return.
    package func page(
        before number: Int?, limit: Int
    ) throws(PostgresError) -> [(number: Int, action: OperatorAction)] {
        Self.actions(
            try connection.execute(
                """
                select \(Self.columns) from operator_actions where number < coalesce($1, 9223372036854775807)
                order by number desc limit $2
                """, [.integer(number), .integer(limit)]))
    }

    private static let columns =
        "\(PostgresRows.milliseconds("done_at")), operator, action, subject, outcome, detail, number"

    private static func actions(_ rows: PostgresRows) -> [(number: Int, action: OperatorAction)] {
        (0..<rows.count).compactMap { row in
            guard let at = rows.timestamp(row, 0), let name = rows.text(row, 1), let action = rows.text(row, 2),
                let outcome = rows.text(row, 4), let number = rows.integer(row, 6)
            else { return nil }
            return (
                number,
                OperatorAction(
                    at: at, operator: name, action: action, subject: rows.text(row, 3), outcome: outcome,
                    detail: rows.text(row, 5))
            )
        }
    }

    /// The longest outcome or detail in characters.
    private static let longest = 1000

    /// Returns a text that fits into a row. PostgreSQL stores no NUL.
    package static func line(_ text: String) -> String {
        String(text.replacing("\0", with: "").prefix(longest))
    }

    /// Returns a part of a statement (`with … as (…), PART select …`) that records an action if another part has rows.
    ///
    /// - Parameters:
    ///   - part: the other part.
    ///   - subject: an SQL expression over the row of that part.
    ///   - operator: the parameter with the operator's name, for example `$3`.
    ///   - detail: the parameter with the detail, or `null`.
    static func recorded(
        _ action: OperatorAction.Kind, after part: String, subject: String, operator: String, detail: String = "null"
    ) -> String {
        """
        recorded as (
            insert into operator_actions (operator, action, subject, outcome, detail)
            select \(`operator`)::text, '\(action.rawValue)', \(subject), '\(OperatorAction.done)', \(detail)::text
            from \(part)
        )
        """
    }
}
