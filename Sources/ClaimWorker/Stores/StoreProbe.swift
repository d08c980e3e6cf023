import Claims
import Redis

/// Writes that show whether a store can decide claims. They leave nothing behind.
///
/// A read would not do: a full disk, a full Redis, a standby and a locked table can all be read.
enum StoreProbe {
    /// Writes a key that expires at once.
    static let redis = RedisRequest<Void>(command: ["SET", RedisKeys.probe, "1", "PX", "1"]) {
        reply throws(RedisError) in
        if case .error(let message) = reply { throw RedisError("writing: \(message)") }
    }

    /// Statements, each in its own transaction. They commit a record to the log on disk, and write a row of each table
    /// that a decided claim writes, which is rolled back.
    static let postgres = ["select pg_logical_emit_message(true, 'claims', 'probe')", rehearsal]

    /// The update of no row acquires the lock on the table that a decision needs, and the privileges.
    private static let rehearsal = """
        do $$ begin
            update coupons set remaining_amount = remaining_amount where false;
            insert into claims (id, status, reason, user_id, coupon_name, attempts, created_at, decided_at)
                values ('probe ' || pg_backend_pid(), 'rejected', 'sold_out', 'probe', 'probe', 0, now(), now());
            insert into user_claims (coupon_id, user_id, slot, claim_id)
                values (-pg_backend_pid(), 'probe', 1, 'probe ' || pg_backend_pid());
            raise exception sqlstate 'PROBE';
        exception when sqlstate 'PROBE' then null;
        end $$
        """
}
