import Broker
import Claims
import Foundation
import OrderedCollections
import RuntimeSupport
import Testing

extension IntegrationTests {
    /// A claim that fails is retried and dead-lettered alone.
    @Suite(.system(workers: 1, ["CLAIMS_RETRY_DELAYS_MS": "100,200,300"]), .checked)
    struct Failures {
        let system = System.current
        var api: API { system.api }

        @Test func aFailingClaimIsDeadLetteredAloneAfterThreeRetries() async throws {
            let coupon = try await api.coupon("TRIGGER", amount: 300)
            try FailureInjection.refuse("unlucky")
            defer { try? FailureInjection.stop() }
            // All claims are pending before the first is decided, so that they share batches.
            let worker = try system.program("worker-1")
            worker.freeze()
            var ids: [String: String] = [:]
            for number in 0..<200 {
                let user = number == 77 ? "unlucky" : "u\(number)"
                ids[user] = try await api.submit(user, coupon).id
            }
            worker.thaw()
            let unlucky = try #require(ids["unlucky"])
            ids["unlucky"] = nil
            let others = try await concurrently(Array(ids.values)) { try await api.claim($0, wait: 30) }
            #expect(others.tally == ["claimed": 199])
            #expect(others.allSatisfy { $0.attempts == 1 }, "no other claim shares its outcome")

            let claim = try await api.claim(unlucky, wait: 20)
            #expect(claim.outcome == "dead_lettered database_error" && claim.attempts == 4)
            let message = try await RabbitMQ.deadLetter(unlucky)
            try expectHistory(of: message, attempts: 4, reason: "database_error", containing: "refused by the test")
            let body = try #require(try JSONSerialization.jsonObject(with: Data(message.body)) as? [String: Any])
            #expect(body["user_id"] as? String == "unlucky" && body["version"] as? Int == 1)
            #expect(message.properties.deliveryMode == 2)
            let times = try errors(message).compactMap { $0["at"]?.string }
            #expect(times == times.sorted() && Set(times).count == 4)
        }

        @Test func aClaimThatFailsAtTheCommitIsDeadLetteredAlone() async throws {
            let coupon = try await api.coupon("COMMIT", amount: 30)
            try FailureInjection.refuseAtCommit("unlucky")
            defer { try? FailureInjection.stop() }
            let worker = try system.program("worker-1")
            worker.freeze()
            let ids = try await (0..<20).asyncMap { try await api.submit($0 == 7 ? "unlucky" : "u\($0)", coupon).id }
            worker.thaw()
            let claims = try await concurrently(ids) { try await api.claim($0, wait: 30) }
            #expect(claims.tally == ["claimed": 19, "dead_lettered database_error": 1])
            #expect(claims[7].attempts == 4)
            // The connection can be used as before.
            let next = try await api.claim(try await api.submit("next", coupon).id, wait: 10)
            #expect(next.outcome == "claimed" && next.attempts == 1)
            try FailureInjection.stop()
            #expect(try await claimctl("dlq", "replay", ids[7], "--yes").code == 0)
            #expect(try await api.claim(ids[7], wait: 20).outcome == "claimed")
        }

        /// The transactions of the parts take longer together than the broker waits for a heartbeat.
        @Test func aBatchThatIsSplitManyTimesKeepsItsConnection() async throws {
            let coupon = try await api.coupon("SPLIT", amount: 30)
            try system.program("worker-1").signal(SIGTERM)
            let worker = try await system.startWorker(
                "beating", ["CLAIMS_HEARTBEAT_SECONDS": "1", "CLAIMS_RETRY_DELAYS_MS": "100"])
            try FailureInjection.refuseAll(after: 0.1)
            defer { try? FailureInjection.stop() }
            worker.freeze()
            let ids = try await (0..<30).asyncMap { try await api.submit("u\($0)", coupon).id }
            worker.thaw()
            let claims = try await concurrently(ids) { try await api.claim($0, wait: 30) }
            #expect(claims.tally == ["dead_lettered database_error": 30])
            #expect(claims.allSatisfy { $0.attempts == 2 })
            try await eventually("one message per claim") {
                try RabbitMQ.dead().compactMap(\.properties.messageID).filter(ids.contains).sorted() == ids.sorted()
            }
            try FailureInjection.stop()
            #expect(try await claimctl("dlq", "replay", "--coupon", coupon, "--yes").code == 0)
            let replayed = try await concurrently(ids) { try await api.claim($0, wait: 20) }
            #expect(replayed.tally == ["claimed": 30])
        }

        @Test func aFailedAttemptIsShownWhilePendingAndTheRetryDecides() async throws {
            let coupon = try await api.coupon("ONCE", amount: 3)
            try system.program("worker-1").signal(SIGTERM)
            try await system.startWorker("patient", ["CLAIMS_RETRY_DELAYS_MS": "1500,1500,1500"])
            try FailureInjection.refuse("unlucky")
            defer { try? FailureInjection.stop() }
            let id = try await api.submit("unlucky", coupon).id
            try await eventually("the first attempt to fail") {
                let claim = try await api.claim(id)
                return claim.outcome == "pending database_error" && claim.attempts == 1
            }
            let answer = try await api.get("/claims/\(id)")
            #expect(answer.header("Retry-After") != nil)
            try FailureInjection.stop()
            let claim = try await api.claim(id, wait: 20)
            #expect(claim.outcome == "claimed" && claim.attempts == 2)
        }

        @Test(arguments: [
            "not json at all", "[]",
            #"{"version":1,"user_id":"u","coupon_name":"C","created_at":"2026-01-01T00:00:00Z"}"#,
        ])
        func anUnreadableBodyIsDeadLetteredAtOnce(body: String) async throws {
            var properties = MessageProperties()
            properties.messageID = "unreadable-\(UUID().uuidString)"
            properties.deliveryMode = 2
            try RabbitMQ.publish(BrokerMessage(properties: properties, body: Array(body.utf8)), lane: 0)
            let id = try #require(properties.messageID)
            let message = try await eventually("\(body) in claims.dead", within: .seconds(5)) {
                try RabbitMQ.dead(id)
            }
            #expect(Array(body.utf8) == message.body, "the body is unchanged")
            try expectHistory(of: message, attempts: 1, reason: "unreadable")
        }

        @Test func aBodyOfANewerVersionIsRetriedBeforeItIsDeadLettered() async throws {
            let coupon = try await api.coupon("VERSION", amount: 1)
            let id = try issuedID(coupon)
            try publish(#"{"version":99,"id":"\#(id)","user_id":"u1","coupon_name":"\#(coupon)"}"#, id)
            let claim = try await eventually("the claim to be dead-lettered") {
                let claim = try await api.claim(id, wait: 5)
                return claim.status == "pending" ? nil : claim
            }
            #expect(claim.outcome == "dead_lettered unsupported_version" && claim.attempts == 4)
            try expectHistory(
                of: try await RabbitMQ.deadLetter(id), attempts: 4, reason: "unsupported_version",
                containing: "version 99")
        }

        @Test func anUnreadableMessageOfAnIssuedClaimDeadLettersTheClaim() async throws {
            let coupon = try await api.coupon("UNREADABLE", amount: 1)
            let id = try issuedID(coupon)
            try publish(#"{"version":1,"id":"\#(id)","coupon_name":"\#(coupon)"}"#, id)
            let claim = try await eventually("the claim to be dead-lettered") {
                let claim = try await api.claim(id, wait: 5)
                return claim.status == "pending" ? nil : claim
            }
            #expect(claim.outcome == "dead_lettered unreadable" && claim.attempts == 1)
        }

        // MARK: Helpers

        private func issuedID(_ key: String) throws -> String {
            ClaimIDIssuer(secret: try #require(ProcessInfo.processInfo.environment["CLAIMS_ID_SECRET"]))
                .id(user: try #require(UserID("u1")), key: try #require(IdempotencyKey(headerValue: key)), at: .now())
                .description
        }

        private func publish(_ body: String, _ id: String) throws {
            var properties = MessageProperties()
            properties.messageID = id
            try RabbitMQ.publish(BrokerMessage(properties: properties, body: Array(body.utf8)), lane: 3)
        }

        private func expectHistory(
            of message: BrokerMessage, attempts: Int, reason: String, containing text: String? = nil
        ) throws {
            let headers = message.properties.headers
            #expect(headers["reason"]?.string == reason)
            #expect(headers["attempts"]?.integer == Int64(attempts))
            #expect(headers["died_at"]?.string?.hasSuffix("Z") == true)
            #expect(headers["x-death"] == nil, "headers of the broker are removed")
            let errors = headers["errors"]?.array?.compactMap(\.table) ?? []
            #expect(errors.map { $0["attempt"]?.integer } == (1...attempts).map { Int64($0) })
            for error in errors {
                #expect(error["code"]?.string == reason)
                let message = try #require(error["message"]?.string)
                #expect(!message.isEmpty && text.map { message.contains($0) } != false, "\(error)")
                #expect(error["worker"]?.string?.hasPrefix("worker-1") == true)
                #expect(error["at"]?.string?.hasSuffix("Z") == true)
            }
        }

        private func errors(_ message: BrokerMessage) throws -> [AMQPTable] {
            let errors = message.properties.headers["errors"]?.array ?? []
            return try errors.map { try #require($0.table) }
        }
    }
}
