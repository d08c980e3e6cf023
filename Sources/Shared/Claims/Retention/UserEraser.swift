package import Postgres

/// Erases a user's id from the database.
///
/// Rows of claims keep their outcome under a pseudonym, because the amounts of coupons are checked against them.
package struct UserEraser {
    private let connection: PostgresConnection

    /// What was erased.
    package struct Report: Hashable, Sendable {
        /// The name that replaces the user's id.
        package let pseudonym: String
        /// Claims that were renamed, including archived ones.
        package let claims: Int
        /// Lists of eligible users that named the user.
        package let lists: Int
        /// Discarded messages that were deleted from the archive.
        package let messages: Int
        /// The ids of the claims. Redis and the dead-letter queue may know the user under them.
        package let ids: [ClaimID]
    }

    package init(_ connection: PostgresConnection) {
        self.connection = connection
    }

    /// Replaces a user's id by a pseudonym, in one transaction, and records it in the audit trail under the pseudonym.
    ///
    /// - Parameters:
    ///   - pseudonym: a name that no user has.
    ///   - time: the longest time for the whole. The tables have no index by user, so each is read once.
    package func erase(
        _ user: UserID, pseudonym: String, by operatorName: String, within time: Duration
    ) throws(PostgresError) -> Report {
        let parameters: [PostgresParameter] = [.text(user.description), .text(pseudonym)]
        let results = try connection.transaction(
            [
                // Workers lock a coupon before its claims, in this order too.
                PostgresQuery(
                    """
                    select from coupons where id in (select coupon_id from user_claims where user_id = $1)
                    order by id for no key update
                    """, [parameters[0]]),
                PostgresQuery("update user_claims set user_id = $2 where user_id = $1", parameters),
                PostgresQuery("update claims set user_id = $2 where user_id = $1 returning id", parameters),
                PostgresQuery("update claims_archive set user_id = $2 where user_id = $1 returning id", parameters),
                PostgresQuery("delete from eligible_users where user_id = $1 returning coupon_id", [parameters[0]]),
                PostgresQuery(
                    """
                    delete from dead_letter_archive
                    where id in (select id from claims where user_id = $2) or message ->> 'user_id' = $1
                    returning number
                    """, parameters),
                PostgresQuery(
                    "insert into operator_actions (operator, action, subject, outcome) values ($1, $2, $3, $4)",
                    [
                        .text(operatorName), .text(OperatorAction.Kind.userForget.rawValue), .text(pseudonym),
                        .text(OperatorAction.done),
                    ]),
            ], within: time)
        let ids = [results[2], results[3]].flatMap { rows in
            (0..<rows.count).compactMap { rows.text($0, 0).flatMap(ClaimID.init) }
        }
        return Report(
            pseudonym: pseudonym, claims: results[2].count + results[3].count, lists: results[4].count,
            messages: results[5].count, ids: ids)
    }
}
