package import Postgres

/// The first day whose claim ids carry their day of issue, stored in PostgreSQL so that all API processes agree on it.
///
/// In a system that has issued ids of the first version it is the day after the migration. Until then API processes of
/// the release before recognize all ids, so that both can run side by side.
package enum DatedIDs {
    /// Returns the day, in days since 1970.
    package static func firstDay(on connection: PostgresConnection) throws(PostgresError) -> Int {
        let rows = try connection.execute("select value from system_settings where name = 'dated_ids_from'")
        return rows.count > 0 ? rows.integer(0, 0) ?? 0 : 0
    }
}
