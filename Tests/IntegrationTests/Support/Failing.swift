import Testing

/// Claims that the database refuses.
enum Failing {
    /// Has claims of these users fail until they are dead-lettered, and the cause removed.
    static func claims(_ users: [String], of coupon: String, _ api: API) async throws -> [String] {
        try refuseAll()
        defer { try? accept() }
        let ids = try await users.asyncMap { try await api.submit($0, coupon).id }
        for id in ids {
            try #require(try await api.claim(id, wait: 20).outcome == "dead_lettered database_error")
            try await eventually("its message in claims.dead") { try Broker.dead(id) }
        }
        return ids
    }

    static func refuseAll() throws { try refuse(when: "true") }

    static func refuse(_ user: String) throws { try refuse(when: "new.user_id = '\(user)'") }

    private static func refuse(when condition: String) throws {
        try Database.script(
            """
            create or replace function refuse() returns trigger language plpgsql as $$
            begin raise exception 'the unlucky one'; end $$;
            create or replace trigger refuse before insert on user_claims for each row
            when (\(condition)) execute function refuse();
            """)
    }

    static func accept() throws {
        try Database.script("drop trigger if exists refuse on user_claims")
    }
}
