import Broker
import Claims
import Foundation
import Postgres
import Settings
import Testing

extension IntegrationTests {
    /// HTTPS, AMQPS, and PostgreSQL with a verified certificate.
    @Suite(.system(workers: 1), .checked)
    struct ConnectionSecurity {
        let system = System.current
        private var port: Int { Setup.httpPort + 1 }

        private func curl(_ authority: CertificateAuthority, _ path: String, _ more: String...) async throws
            -> Program.Result
        {
            try await Program.run(
                "/usr/bin/curl",
                ["-sS", "--max-time", "10", "--cacert", authority.certificate, "https://127.0.0.1:\(port)\(path)"]
                    + more)
        }

        @Test func theAPIServesHTTPSAndRereadsItsCertificate() async throws {
            let authority = try await CertificateAuthority()
            let pair = try await authority.pair("server")
            let program = try Program(
                "ClaimAPI", name: "api-tls",
                settings: [
                    "CLAIMS_HTTP_PORT": String(port), "CLAIMS_TLS_CERT": pair.certificate, "CLAIMS_TLS_KEY": pair.key,
                ])
            do {
                try await eventually("HTTPS", within: .seconds(20)) {
                    try await curl(authority, "/readyz").output.contains("ready")
                }
                let coupon = try await system.api.coupon("TLS", amount: 1)
                let claim = try await curl(
                    authority, "/claims", "-H", "Content-Type: application/json", "-H", "Idempotency-Key: tls", "-d",
                    #"{"user_id":"u1","coupon_name":"\#(coupon)"}"#)
                #expect(claim.output.contains(#""status":"pending""#), "\(claim)")
                #expect(try await Program.run("/usr/bin/curl", ["-sS", "http://127.0.0.1:\(port)/healthz"]).code != 0)
                let other = try await CertificateAuthority()
                #expect(try await curl(other, "/healthz").code == 60, "the certificate is not trusted")

                // A certificate of another authority takes its place while the process runs.
                let new = try await other.pair("server")
                for (from, to) in [(new.certificate, pair.certificate), (new.key, pair.key)] {
                    try Data(contentsOf: URL(fileURLWithPath: from)).write(to: URL(fileURLWithPath: to))
                }
                #expect(try await curl(authority, "/healthz").code == 0, "not read yet")
                program.signal(SIGHUP)
                try await eventually("the new certificate", within: .seconds(10)) {
                    try await curl(other, "/healthz").code == 0
                }
                #expect(try await curl(authority, "/healthz").code == 60)
                // A file that can't be used changes nothing.
                try Data("nonsense".utf8).write(to: URL(fileURLWithPath: pair.key))
                program.signal(SIGHUP)
                let log = "\(Setup.runFolder)/logs/test-api-tls"
                try await eventually("the error to be logged", within: .seconds(10)) {
                    try String(contentsOfFile: log, encoding: .utf8).contains("the last one stays in use")
                }
                #expect(try await curl(other, "/healthz").code == 0)
            } catch {
                await program.stop()
                throw error
            }
            await program.stop()
        }

        @Test func theBrokerIsReachedOverTLSWithAClientCertificate() async throws {
            let authority = try await CertificateAuthority()
            let plain = try Setup.stores().brokers[0]
            let client = try await authority.pair("client", names: "DNS:client")
            let proxy = try await TLSProxy(
                port: Setup.httpPort + 5, to: plain.port, try await authority.pair("broker"),
                clients: authority.certificate)
            defer { withExtendedLifetime(proxy) {} }
            let base = "amqps://\(plain.user):\(plain.password)@localhost:\(proxy.port)/\(plain.virtualHost)"
            func connect(_ query: String) throws {
                let address = try #require(BrokerAddress.list("\(base)\(query)")?.first)
                let connection = try AMQPConnection(address, heartbeat: 10, name: "tests")
                try connection.openChannel(1)
                connection.close()
            }
            let files = "cert=\(client.certificate)&key=\(client.key)"
            try connect("?cacert=\(authority.certificate)&\(files)")
            #expect(throws: BrokerError.self) { try connect("?cacert=\(authority.certificate)") }
            // Not trusted: the authorities of the system do not include the test's.
            #expect(throws: BrokerError.self) { try connect("?\(files)") }
            let other = try await CertificateAuthority()
            #expect(throws: BrokerError.self) { try connect("?cacert=\(other.certificate)&\(files)") }
        }

        @Test func theBrokersCertificateMustNameItsHost() async throws {
            let authority = try await CertificateAuthority()
            let plain = try Setup.stores().brokers[0]
            let proxy = try await TLSProxy(
                port: Setup.httpPort + 5, to: plain.port,
                try await authority.pair("broker", names: "DNS:broker.example"))
            defer { withExtendedLifetime(proxy) {} }
            let url = "amqps://u:p@localhost:\(proxy.port)/v?cacert=\(authority.certificate)"
            let address = try #require(BrokerAddress.list(url)?.first)
            #expect(throws: BrokerError.self) { try AMQPConnection(address, heartbeat: 10, name: "tests") }
        }

        @Test func postgreSQLIsReachedWithAVerifiedCertificate() async throws {
            let authority = try await CertificateAuthority()
            let url = try #require(ProcessInfo.processInfo.environment["DATABASE_URL"])
            let components = try #require(URLComponents(string: url))
            let plainPort = try #require(components.port)
            let proxy = try await TLSProxy(
                port: Setup.httpPort + 5, to: plainPort, try await authority.pair("postgres"), isPostgres: true)
            defer { withExtendedLifetime(proxy) {} }
            func connect(_ query: String, host: String = "localhost") throws {
                var changed = components
                changed.host = host
                changed.port = proxy.port
                changed.percentEncodedQuery = query
                let text = try #require(changed.string)
                let address = try #require(PostgresAddress(url: text))
                #expect(try PostgresConnection(address, name: "tests").execute("select 1").integer(0, 0) == 1)
            }
            try connect("sslmode=verify-full&sslrootcert=\(authority.certificate)")
            let other = try await CertificateAuthority()
            #expect(throws: PostgresError.self) {
                try connect("sslmode=verify-full&sslrootcert=\(other.certificate)")
            }
            let misnamed = try await TLSProxy(
                port: Setup.httpPort + 6, to: plainPort, try await authority.pair("named", names: "DNS:pg.example"),
                isPostgres: true)
            defer { withExtendedLifetime(misnamed) {} }
            var changed = components
            changed.host = "localhost"
            changed.port = misnamed.port
            changed.percentEncodedQuery = "sslmode=verify-full&sslrootcert=\(authority.certificate)"
            let text = try #require(changed.string)
            let address = try #require(PostgresAddress(url: text))
            #expect(throws: PostgresError.self) { try PostgresConnection(address, name: "tests") }
        }
    }
}
