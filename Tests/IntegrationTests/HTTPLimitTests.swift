import Foundation
import NIOCore
import Testing

extension IntegrationTests {
    /// Clients that send malformed, oversized or incomplete requests, and too many of them.
    @Suite(.system(workers: 1), .checked) struct HTTPLimits {
        private var system: System { .current }
        private var api: API { system.api }

        private func head(_ fields: String..., path: String = "/claims", method: String = "POST") -> String {
            ([
                "\(method) \(path) HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json",
                "Idempotency-Key: \(UUID().uuidString)",
            ] + fields).joined(separator: "\r\n") + "\r\n\r\n"
        }

        /// Sends a text and returns everything that comes until the API closes the connection.
        private func exchange(_ text: String, port: Int? = nil) throws -> String {
            let connection = try RawConnection(port: port ?? api.port)
            connection.send(text)
            return try connection.readToEnd()
        }

        // MARK: Bodies

        @Test(arguments: [
            ("/claims", "POST", 16 * 1024), ("/coupons", "POST", 16 * 1024 * 1024), ("/coupons/A", "PATCH", 16 * 1024),
            ("/coupons/A/eligible-users", "PUT", 16 * 1024 * 1024),
        ])
        func aDeclaredLengthAboveTheLimitIsRefusedFromTheHeaderAlone(path: String, method: String, limit: Int) throws {
            for length in [limit + 1, 10_737_418_240] {
                let answer = try exchange(head("Content-Length: \(length)", path: path, method: method) + "{")
                #expect(answer.hasPrefix("HTTP/1.1 413"), "\(answer)")
                #expect(answer.contains("body_too_large"))
                #expect(answer.lowercased().contains("connection: close"))
            }
        }

        @Test(arguments: ["ZZ\r\n", "FFFFFFFFFFFFFFFFFF\r\n", "-1\r\n", "5\r\n{\"a\":\r\nX\r\n"])
        func aMalformedChunkIsTheClientsError(chunks: String) throws {
            let answer = try exchange(head("Transfer-Encoding: chunked") + chunks)
            #expect(answer.hasPrefix("HTTP/1.1 400"), "\(answer)")
        }

        @Test func aClientThatDisconnectsWithinItsBodyCausesNoError() async throws {
            let log = "\(Setup.runFolder)/logs/test-api-2"
            let other = try await system.startAPI("api-2", port: Setup.httpPort + 1)
            for _ in 0..<20 {
                let connection = try RawConnection(port: other.port)
                connection.send(head("Content-Length: 100") + "{\"user_id\":")
            }
            for _ in 0..<20 {
                let connection = try RawConnection(port: other.port)
                connection.send(head("Transfer-Encoding: chunked") + "5\r\n{\"a\":\r\n")
            }
            let program = try system.program("api-2")
            program.signal(SIGTERM)
            #expect(try await program.end(within: .seconds(15)) == 0)
            let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
            #expect(!lines.contains { $0.contains(" error ") }, "\(lines.suffix(5))")
        }

        @Test(arguments: [String.Encoding.utf16, .utf16LittleEndian, .utf32BigEndian])
        func aBodyInAnotherEncodingIsRefused(encoding: String.Encoding) async throws {
            let body = try #require(#"{"user_id":"u1","coupon_name":"SALE"}"#.data(using: encoding))
            let answer = try await api.send("POST", "/claims", data: body)
            #expect(answer.status == 422 && answer.code == "invalid_body", "\(answer)")
        }

        @Test(arguments: [
            #"{"user_id":"u1","coupon_name":"SALE",}"#, "\u{FEFF}" + #"{"user_id":"u1","coupon_name":"SALE"}"#,
        ])
        func whatIsNotStrictJSONIsRefused(body: String) async throws {
            let answer = try await api.send("POST", "/claims", data: Data(body.utf8))
            #expect(answer.status == 422 && answer.code == "invalid_body", "\(answer)")
        }

        // MARK: Answers

        @Test func theFieldsOfAnAnswerHaveAFixedOrder() async throws {
            let coupon = try await api.coupon("ORDERED", amount: 1)
            let claim = try await api.submit("u1", coupon)
            _ = try await api.claim(claim.id, wait: 30)
            let text = String(decoding: try await api.get("/claims/\(claim.id)").body, as: UTF8.self)
            #expect(
                text.hasPrefix(
                    #"{"id":"\#(claim.id)","status":"claimed","reason":null,"user_id":"u1","coupon_name":"\#(coupon)","#
                        + #""attempts":1,"created_at":"#), "\(text)")
            let couponStart = #"{"name":"\#(coupon)","amount":1,"remaining_amount":0,"per_user_limit":1,"#
            let shown = try await api.get("/coupons/\(coupon)").text
            #expect(shown.hasPrefix(couponStart), "\(shown)")
            let printed = try await claimctl("coupon", "show", coupon, "--json")
            #expect(printed.output.hasPrefix(couponStart), "\(printed)")
            let events = try await api.get("/claims/\(claim.id)/events").text
            let eventStart = #"data: {"id":"\#(claim.id)","status":"claimed","reason":null,"user_id""#
            #expect(events.contains(eventStart), "\(events)")
            let problem = try await api.get("/claims/none").text
            #expect(problem.hasPrefix(#"{"type":"urn:claims:problem:claim_not_found","title":"#), "\(problem)")
            #expect(problem.hasSuffix(#","code":"claim_not_found"}"#), "\(problem)")
        }

        // MARK: Slow clients

        private static let impatient = [
            "CLAIMS_HEADER_TIMEOUT_MS": "1000", "CLAIMS_IDLE_TIMEOUT_MS": "1000", "CLAIMS_BODY_TIMEOUT_MS": "1000",
        ]

        @Test func clientsThatNeverFinishARequestAreDisconnectedAndOthersAreServed() async throws {
            let other = try await system.startAPI("api-2", port: Setup.httpPort + 1, Self.impatient)
            let coupon = try await api.coupon("SLOW", amount: 50)
            let starts = [
                "", "POST /claims HT", "POST /claims HTTP/1.1\r\nHost: x\r\n", head("Content-Length: 50") + "{",
            ]
            let slow = try (0..<2000).map { number in
                let connection = try RawConnection(port: other.port)
                connection.send(starts[number % starts.count])
                return connection
            }
            let claims = try await other.outcomes((0..<50).map { API.Order(user: "u\($0)", coupon: coupon) })
            #expect(claims.tally == ["claimed": 50])
            for (number, connection) in slow.enumerated() {
                let answer = try connection.readToEnd()
                let isBody = number % starts.count == 3
                #expect(isBody ? answer.hasPrefix("HTTP/1.1 408") : answer.isEmpty, "\(answer)")
            }
        }

        @Test func aKeptConnectionIsClosedWhenItIsIdle() async throws {
            let other = try await system.startAPI("api-2", port: Setup.httpPort + 1, Self.impatient)
            let answer = try exchange("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", port: other.port)
            #expect(answer.hasPrefix("HTTP/1.1 200") && answer.contains(#"{"status":"ok"}"#), "\(answer)")
        }

        @Test func aStalledUploadDoesNotHoldUpTheEndOfTheProcess() async throws {
            let other = try await system.startAPI("api-2", port: Setup.httpPort + 1)
            let coupon = try await api.coupon("UNREAD", amount: 1)
            let id = try await other.submit("u1", coupon).id
            let stalled = try (0..<50).map { _ in
                let connection = try RawConnection(port: other.port)
                connection.send(head("Content-Length: 1000") + "{")
                return connection
            }
            let stream = try RawConnection(port: other.port)
            stream.send("GET /claims/\(id)/events HTTP/1.1\r\nHost: x\r\n\r\n")
            let program = try system.program("api-2")
            program.signal(SIGTERM)
            #expect(try await program.end(within: .seconds(15)) == 0)
            withExtendedLifetime((stalled, stream)) {}
        }

        @Test func aDrainingProcessIsNotReadyAndServesRequests() async throws {
            let other = try await system.startAPI("api-2", port: Setup.httpPort + 1, ["CLAIMS_DRAIN_MS": "3000"])
            let coupon = try await api.coupon("DRAINED", amount: 1)
            let program = try system.program("api-2")
            program.signal(SIGTERM)
            let notReady = try await eventually("the process not to be ready") {
                let answer = try await other.get("/readyz")
                return answer.status == 200 ? nil : answer
            }
            #expect(notReady.status == 503 && notReady.code == "not_ready", "\(notReady)")
            #expect(notReady.header("Connection") == "close")
            let accepted = try await other.post(API.Order(user: "u1", coupon: coupon))
            #expect(accepted.status == 202 && accepted.header("Connection") == "close", "\(accepted)")
            let id = try accepted.decoded(Claim.self).id
            #expect(try await other.claim(id, wait: 20).outcome == "claimed")
            #expect(try await program.end(within: .seconds(15)) == 0)
        }

        @Test func aResponseThatIsNotReadDoesNotHoldUpTheEndOfTheProcess() async throws {
            let other = try await system.startAPI("api-2", port: Setup.httpPort + 1)
            let unread = try RawConnection(port: other.port)
            // More than the buffers of both sides take.
            let request = "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
            for _ in 0..<10 { unread.send(String(repeating: request, count: 50)) }
            // Another request is answered, so the first ones have been received.
            #expect(try await other.get("/healthz").status == 200)
            let program = try system.program("api-2")
            program.signal(SIGTERM)
            #expect(try await program.end(within: .seconds(15)) == 0)
            withExtendedLifetime(unread) {}
        }

        // MARK: Overload

        @Test func requestsAboveTheLimitAreShedAtOnce() async throws {
            let limited = try await system.startAPI("api-2", port: Setup.httpPort + 1, ["CLAIMS_MAX_WAITING": "5"])
            let coupon = try await api.coupon("SHED", amount: 500)
            let orders = (0..<200).map { API.Order(user: "u\($0)", coupon: coupon) }
            let answers = try await concurrently(orders, atMost: 200) { try await limited.post($0) }
            let refused = answers.filter { $0.status != 202 }
            #expect(refused.allSatisfy { $0.status == 503 && $0.code == "overloaded" })
            #expect(refused.allSatisfy { $0.header("Retry-After") == "1" })
            #expect(refused.allSatisfy { $0.header("Date") != nil && $0.header("Server") == "claims" })
            #expect(!refused.isEmpty, "two hundred requests exceed the limit")
            #expect(refused.count < 200)
            let metrics = try await limited.get("/metrics").text
            let counted = /_duration_seconds_count\{[^}]*route="\/claims",[^}]*status_code="503"\} (\d+)/
            #expect(metrics.firstMatch(of: counted).flatMap { Int($0.1) } == refused.count)
            let again = try await concurrently(orders) { try await api.post($0).status }
            #expect(again.allSatisfy { $0 == 202 }, "the same keys are accepted")
            try await eventually("all to be decided") { try await api.coupon(coupon).remainingAmount == 300 }
        }

        @Test func connectionsAboveTheLimitAreRefused() async throws {
            let limited = try await system.startAPI(
                "api-2", port: Setup.httpPort + 1, ["CLAIMS_MAX_CONNECTIONS": "20", "CLAIMS_IDLE_TIMEOUT_MS": "600000"])
            let request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
            let kept = try (0..<20).map { _ in
                let connection = try RawConnection(port: limited.port)
                connection.send(request)
                // Its connection counts from then on.
                _ = try connection.read(until: "}")
                return connection
            }
            let answer = try exchange(request, port: limited.port)
            #expect(answer.hasPrefix("HTTP/1.1 503") && answer.contains("overloaded"), "\(answer)")
            #expect(answer.contains("Retry-After: 1"))
            #expect(answer.contains("\r\nDate: ") && answer.contains("\r\nServer: claims\r\n"), "\(answer)")
            withExtendedLifetime(kept) {}
        }

        @Test func aPortInUseEndsTheProcessAndIsNamed() async throws {
            let result = try await Program.run(
                "ClaimAPI", settings: ["CLAIMS_HTTP_PORT": String(api.port)], within: .seconds(15))
            #expect(result.code == 1, "\(result)")
            #expect(result.errors.contains("127.0.0.1:\(api.port)"), "\(result)")
            #expect(result.errors.contains("CLAIMS_HTTP_PORT"), "\(result)")
        }
    }
}
