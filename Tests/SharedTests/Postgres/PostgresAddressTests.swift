import Postgres
import Testing

@Suite struct PostgresAddressTests {
    @Test(arguments: [
        ("postgres://claims:hunter2@127.0.0.1:25432/claims", "postgres://127.0.0.1:25432/claims"),
        ("postgresql://u%40corp:p%40ss%2Fhunter2@host/db?sslmode=require&connect_timeout=5", "postgres://host/db"),
        ("postgres://a:1,b:2/db?target_session_attrs=primary", "postgres://a:1,b:2/db"),
        ("postgres://a,b/db?port=5433", "postgres://a:5433,b:5433/db"),
        ("postgres:///db?host=/run/postgresql&user=me&password=hunter2", "postgres:///run/postgresql/db"),
        ("postgres://[::1]:5432/db", "postgres://::1:5432/db"), ("postgres://", "postgres:///"),
        ("postgres://u:hunter2@host/db?options=-c%20search_path%3Da", "postgres://host/db"),
    ])
    func aURLOfLibpqIsDescribedWithoutCredentials(_ url: String, _ description: String) throws {
        #expect("\(try #require(PostgresAddress(url: url)))" == description)
        #expect(!String(reflecting: PostgresAddress(url: url)).contains("hunter2") || url.contains("password="))
    }

    @Test(arguments: [
        "", "host", "mysql://host/db", "host=a dbname=b", "postgres:host", "postgres://host:port/db",
        "postgres://host:0/db", "postgres://host:65536/db", "postgres://a:1,b:x/db", "postgres://[::1/db",
        "postgres://host/db?sslmode=maybe", "postgres://host/db?unknown=1", "postgres://host/db?sslmode",
        "postgres://host/db?connect_timeout=soon", "postgres://host/db?target_session_attrs=leader",
        "postgres://u:hun%zzter2@host/db", "postgres://u:hunter2\0@host/db",
        // A separator in the password that is not percent-encoded.
        "postgres://u:hun/ter2@host/db", "postgres://u:12/hunter2@host/db", "postgres://u:hun@ter2@host/db",
        "postgres://u:hunter2@host/db/more",
    ])
    func anUnusableURLIsRefused(_ url: String) {
        #expect(PostgresAddress(url: url) == nil)
    }

    /// No server is involved: libpq itself fails.
    @Test(arguments: [
        "postgres://u:hunter2@127.0.0.1:1/db", "postgres://u:hunter2@no-such-host.invalid/db",
        "postgres://u:hunter2@127.0.0.1:1,127.0.0.1:2/db?sslmode=verify-full",
        "postgres://u:hunter2@a:1,b:2/db?host=127.0.0.1",
        "postgres://u:hunter2@127.0.0.1:1/db?sslrootcert=/none&sslmode=verify-ca",
        "postgres://u:hunter2@127.0.0.1:1/db?ssl_min_protocol_version=SSL1",
        "postgres://u:hunter2@127.0.0.1:1/db?service=none",
        "postgres://u:hunter2@/db?host=/no/such/folder",
    ])
    func noConnectionErrorShowsThePassword(_ url: String) throws {
        let address = try #require(PostgresAddress(url: url))
        let error = #expect(throws: PostgresError.self) { try PostgresConnection(address, name: "test") }
        let description = try #require(error?.description)
        #expect(!description.isEmpty && !description.contains("hunter2"))
        #expect(error?.isOutage == true)
    }
}
