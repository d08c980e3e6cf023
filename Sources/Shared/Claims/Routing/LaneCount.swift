package import Postgres
internal import RuntimeSupport
internal import Settings

/// The number of lanes that the system has, stored in PostgreSQL so that all programs agree on it.
///
/// A coupon's lane depends on it. A program with another number would publish to lanes that no worker reads.
package enum LaneCount {
    /// Returns the stored number; nil before the first program has started.
    package static func stored(on connection: PostgresConnection) throws(PostgresError) -> Int? {
        let rows = try connection.execute("select value from system_settings where name = 'lanes'")
        return rows.count > 0 ? rows.integer(0, 0) : nil
    }

    /// Stores the number and replaces the earlier one.
    package static func store(_ lanes: Int, on connection: PostgresConnection) throws(PostgresError) {
        try connection.execute(
            """
            insert into system_settings (name, value) values ('lanes', $1)
            on conflict (name) do update set value = excluded.value, set_at = clock_timestamp()
            """, [.integer(lanes)])
    }

    /// Checks that the stored number is `lanes`.
    ///
    /// - Parameter storesFirst: whether to store `lanes` if no number is stored.
    /// - Throws: ``PostgresError`` with ``PostgresError/Mismatch/setting`` if it is another one.
    package static func check(
        _ lanes: Int, storesFirst: Bool, on connection: PostgresConnection
    ) throws(PostgresError) {
        var stored = try stored(on: connection)
        if stored == nil, storesFirst {
            // Another program may store its number at the same time.
            try connection.execute(
                "insert into system_settings (name, value) values ('lanes', $1) on conflict do nothing",
                [.integer(lanes)])
            stored = try Self.stored(on: connection)
        }
        guard let stored, stored != lanes else { return }
        throw PostgresError(
            .setting,
            "\(StoreSettings.laneCount.name) is \(lanes), but the system has \(stored.counted("lane")). Set it to \(stored), "
                + "or see claimctl lanes set --help")
    }
}
