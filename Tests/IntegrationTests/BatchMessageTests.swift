import Broker
import Claims
import DeadLetters
import Foundation
import OrderedCollections
import Postgres
import Redis
import RuntimeSupport
import Testing

extension IntegrationTests {
    /// Messages that carry several claims of one lane.
    @Suite(.system(workers: 0), .checked)
    struct BatchMessages {
        let system = System.current
        var api: API { system.api }

        @Test func claimsThatArriveTogetherShareMessages() async throws {
            let coupon = try await api.coupon("SHARED", amount: 150)
            let lane = try #require(CouponName(coupon)).lane(of: Setup.lanes)
            let claims = try await concurrently(Array(0..<400), atMost: 200) { try await api.submit("u\($0)", coupon) }
            let messages = try RabbitMQ.depth("claims.work.\(lane)")
            #expect(messages > 0 && messages < 400, "\(messages) messages")
            let status =
                try JSONSerialization.jsonObject(
                    with: Data(try await claimctl("status", "--json").output.utf8)) as? [String: Any]
            let queues = try #require(status?["queues"] as? [[String: Any]])
            let queue = try #require(queues.first { $0["name"] as? String == "claims.work.\(lane)" })
            #expect(queue["waiting_claims"] as? Int == 400)
            #expect(queue["messages"] as? Int == messages)

            try await system.startWorker("late")
            let outcomes = try await concurrently(claims.map(\.id)) { try await api.claim($0, wait: 20) }
            #expect(outcomes.tally == ["claimed": 150, "rejected sold_out": 250])
        }

        @Test func theClaimsOfAMessageAreDecidedInTheirOrder() async throws {
            let coupon = try await api.coupon("INORDER", amount: 3)
            let claims = try (0..<16).map { try message("u\($0)", coupon) }
            try publish(claims)
            try await system.startWorker("worker-1")
            let outcomes = try await claims.asyncMap { try await api.claim($0.id.description, wait: 20).outcome }
            #expect(outcomes == (0..<16).map { $0 < 3 ? "claimed" : "rejected sold_out" })
        }

        @Test func oneFailingClaimOfAMessageIsRetriedAndDeadLetteredAlone() async throws {
            let coupon = try await api.coupon("ONEFAILS", amount: 16)
            try FailureInjection.refuse("unlucky")
            defer { try? FailureInjection.stop() }
            let claims = try (0..<16).map { try message($0 == 5 ? "unlucky" : "u\($0)", coupon) }
            try publish(claims)
            try await system.startWorker("worker-1", ["CLAIMS_RETRY_DELAYS_MS": "100,200,300"])
            let outcomes = try await claims.asyncMap { try await api.claim($0.id.description, wait: 20) }
            #expect(outcomes.tally == ["claimed": 15, "dead_lettered database_error": 1])
            #expect(outcomes.allSatisfy { $0.attempts == ($0.status == "claimed" ? 1 : 4) })
            let dead = try await RabbitMQ.deadLetter(claims[5].id.description)
            #expect(dead.body == ClaimMessageCoder.shared.encode(claims[5]), "the message has this claim alone")
            #expect(try self.dead(claims) == [claims[5].id.description])
            try FailureInjection.stop()
            #expect(try await claimctl("dlq", "replay", claims[5].id.description, "--yes").code == 0)
            #expect(try await api.claim(claims[5].id.description, wait: 20).outcome == "claimed")
        }

        @Test func oneUnreadableClaimOfAMessageIsDeadLetteredAlone() async throws {
            let coupon = try await api.coupon("ONEBROKEN", amount: 16)
            let claims = try (0..<4).map { try message("u\($0)", coupon) }
            var batch = BrokerMessage.claims(claims, encodedBy: .shared)
            let text = String(decoding: batch.body, as: UTF8.self)
            batch.body = Array(text.replacing(#""user_id":"u2""#, with: #""user_id":2"#).utf8)
            try RabbitMQ.publish(batch, lane: try #require(CouponName(coupon)).lane(of: Setup.lanes))
            try await system.startWorker("worker-1")
            let outcomes = try await claims.asyncMap { try await api.claim($0.id.description, wait: 20).outcome }
            #expect(outcomes == ["claimed", "claimed", "dead_lettered unreadable", "claimed"])
            let dead = try await RabbitMQ.deadLetter(claims[2].id.description)
            let body = try #require(try JSONSerialization.jsonObject(with: Data(dead.body)) as? [String: Any])
            #expect(body["user_id"] as? Int == 2 && body["version"] as? Int == 1 && body["claims"] == nil)
            #expect(try self.dead(claims) == [claims[2].id.description])
        }

        @Test func aLockThatIsHeldDelaysOnlyTheClaimsOfItsCoupon() async throws {
            let coupon = try await api.coupon("HELD", amount: 10)
            let other = try await api.coupon(inTheLaneOf: coupon)
            let claims = try (0..<10).map { try message("u\($0)", $0 % 2 == 0 ? coupon : other) }
            try publish(claims)
            try Cache.send("SET", "claim:coupon:\(coupon)", "foreign", "PX", "60000")
            try await system.startWorker("worker-1", ["CLAIMS_LOCK_WAIT_MS": "50", "CLAIMS_LOCK_RETRIES": "1000"])
            for index in stride(from: 1, to: 10, by: 2) {
                #expect(try await api.claim(claims[index].id.description, wait: 20).status != "pending")
            }
            #expect(try await api.claim(claims[0].id.description).status == "pending")
            // Its message is not acknowledged while one of its claims waits: a kill loses nothing.
            try system.program("worker-1").signal(SIGKILL)
            try Cache.send("DEL", "claim:coupon:\(coupon)")
            try await system.startWorker("worker-2")
            let outcomes = try await claims.asyncMap { try await api.claim($0.id.description, wait: 20) }
            #expect(outcomes.filter { $0.couponName == coupon }.tally == ["claimed": 5])
        }

        /// The broker counts returns per message. Before it dead-letters one, its claims become messages of their own.
        @Test func aMessageThatReturnsTooOftenIsSeparatedIntoItsClaims() async throws {
            let coupon = try await api.coupon("SEPARATED", amount: 5)
            let claims = try (0..<12).map { try message("u\($0)", coupon) }
            for start in [0, 4, 8] { try publish(Array(claims[start..<start + 4])) }
            try returnMessages(of: coupon, count: 3, times: 18)
            try await system.startWorker("worker-1")
            let outcomes = try await claims.asyncMap { try await api.claim($0.id.description, wait: 20) }
            #expect(outcomes.map(\.outcome) == (0..<12).map { $0 < 5 ? "claimed" : "rejected sold_out" })
            #expect(outcomes.allSatisfy { $0.attempts == 1 })
            #expect(try dead(claims).isEmpty)
        }

        /// A message is suspicious after five returns. Then its claims are processed together, without those of others.
        @Test func theClaimsOfAnInnocentMessageAreProcessedTogether() async throws {
            let coupon = try await api.coupon("INNOCENT", amount: 10)
            let claims = try (0..<4).map { try message("u\($0)", coupon) }
            try publish(claims)
            try returnMessages(of: coupon, count: 1, times: 8)
            // A claim that were processed alone would be dead-lettered.
            for claim in claims { try Cache.send("SET", "claims:suspect:\(claim.id)", "3") }
            try await system.startWorker("worker-1")
            let outcomes = try await claims.asyncMap { try await api.claim($0.id.description, wait: 20) }
            #expect(outcomes.tally == ["claimed": 4])
            try await eventually("the strike to be cleared") {
                try Cache.send("EXISTS", "claims:suspect:\(claims[0].id):message").integer == 0
            }
        }

        /// After a worker has died of a message, each of its claims is processed alone, with a strike of its own.
        @Test func onlyTheClaimWithThreeStrikesIsDeadLettered() async throws {
            let coupon = try await api.coupon("STRIKES", amount: 10)
            let claims = try (0..<4).map { try message("u\($0)", coupon) }
            try publish(claims)
            try returnMessages(of: coupon, count: 1, times: 8)
            try Cache.send("SET", "claims:suspect:\(claims[0].id):message", "1")
            try Cache.send("SET", "claims:suspect:\(claims[1].id)", "3")
            try await system.startWorker("strict")
            let outcomes = try await claims.asyncMap { try await api.claim($0.id.description, wait: 20).outcome }
            #expect(outcomes == ["claimed", "dead_lettered delivery_limit", "claimed", "claimed"])
            _ = try await RabbitMQ.deadLetter(claims[1].id.description)
        }

        /// No worker was there to separate the claims in time. The queue of dead letters has each of them nevertheless.
        @Test func theClaimsOfAMessageThatTheBrokerDeadLettersCanBeReplayed() async throws {
            let coupon = try await api.coupon("BROKERDEAD", amount: 4)
            let claims = try (0..<4).map { try message("u\($0)", coupon) }
            try publish(claims)
            try returnMessages(of: coupon, count: 1, times: 21)
            let whole = try await eventually("the message in claims.dead") {
                try RabbitMQ.dead().first { $0.properties.type == "batch" }
            }
            try await system.startWorker("recorder")
            let outcomes = try await claims.asyncMap { try await api.claim($0.id.description, wait: 20) }
            #expect(outcomes.tally == ["dead_lettered delivery_limit": 4])
            #expect(Set(try dead(claims)) == Set(claims.map(\.id.description)))

            let fingerprint = DeadLetter(whole).message.fingerprint
            let shown = try await claimctl("dlq", "show", fingerprint)
            #expect(shown.output.contains("each of its 4 claims"), "\(shown.text)")
            let edited = try await claimctl("dlq", "edit", fingerprint, "--body", "/dev/null")
            #expect(edited.code != 0 && edited.errors.contains("4 claims"), "\(edited.text)")
            #expect(try await claimctl("dlq", "discard", fingerprint, "--yes").code == 0)
            #expect(try await claimctl("dlq", "replay", "--coupon", coupon, "--yes").code == 0)
            let replayed = try await claims.asyncMap { try await api.claim($0.id.description, wait: 20) }
            #expect(replayed.tally == ["claimed": 4])
            #expect(try dead(claims).isEmpty)
        }

        /// A worker dies while it records what the broker has dead-lettered. Only one message is processed twice.
        @Test func aKilledWorkerRepeatsOneMessageThatTheBrokerDeadLettered() async throws {
            let coupon = try await api.coupon("RECORDED", amount: 6)
            let claims = try (0..<6).map { try message("u\($0)", coupon) }
            let worker = try await system.startWorker("recorder")
            try await Server.postgres.stop()
            for start in [0, 2, 4] {
                try RabbitMQ.publishDirectly(
                    .claims(Array(claims[start..<start + 2]), encodedBy: .shared), to: "claims.obituaries")
            }
            try await eventually("the first message in claims.dead") { try dead(claims).count >= 2 }
            worker.signal(SIGKILL)
            _ = try await worker.end(within: .seconds(5))
            try await Server.postgres.start()
            try await system.startWorker("next")
            let outcomes = try await claims.asyncMap { try await api.claim($0.id.description, wait: 20) }
            #expect(outcomes.tally == ["dead_lettered delivery_limit": 6])
            #expect(try dead(claims).count == 8)
            #expect(try await claimctl("dlq", "replay", "--coupon", coupon, "--yes").code == 0)
            let replayed = try await claims.asyncMap { try await api.claim($0.id.description, wait: 20) }
            #expect(replayed.tally == ["claimed": 6])
            #expect(try dead(claims).isEmpty)
        }

        /// The worker is killed at random moments while it decides messages with several claims each.
        @Test func killedWorkersLoseNoClaimOfAMessage() async throws {
            let coupons = try await (0..<5).asyncMap { try await api.coupon("KILLED_\($0)", amount: 200) }
            var claims: [ClaimMessage] = []
            for number in 0..<1600 { claims.append(try message("u\(number)", coupons[number / 16 % 5])) }
            for start in stride(from: 0, to: claims.count, by: 16) { try publish(Array(claims[start..<start + 16])) }
            var random = SystemRandomNumberGenerator()
            for number in 1...6 {
                let before = try decided(coupons)
                let worker = try await system.startWorker("worker-\(number)", ["CLAIMS_BATCH": "20"])
                let goal = before + Int.random(in: 1...250, using: &random)
                try await eventually("claims to be decided", within: .seconds(20), every: .milliseconds(2)) {
                    try decided(coupons) >= min(goal, 1600)
                }
                worker.signal(SIGKILL)
                _ = try await worker.end(within: .seconds(5))
            }
            try await system.startWorker("last")
            let outcomes = try await concurrently(claims.map(\.id.description)) { try await api.claim($0, wait: 30) }
            #expect(outcomes.tally == ["claimed": 1000, "rejected sold_out": 600])
            #expect(outcomes.allSatisfy { $0.attempts == 1 })
            #expect(try dead(claims).isEmpty)
        }

        // MARK: Helpers

        /// Takes the messages of a lane and drops the connection, as a killed worker does.
        private func returnMessages(of coupon: String, count: Int, times: Int) throws {
            let lane = try #require(CouponName(coupon)).lane(of: Setup.lanes)
            for turn in 1...times {
                let connection = try RabbitMQ.connection()
                try connection.consume("claims.work.\(lane)", prefetch: UInt16(count), channel: 1)
                for number in 1...count {
                    guard case .delivered = try connection.nextEvent(atMost: .seconds(5)) else {
                        throw TestFailure(description: "delivery \(number) of turn \(turn) did not arrive")
                    }
                }
            }
        }

        private func decided(_ coupons: [String]) throws -> Int {
            try Database.number(
                "select count(*) from claims where coupon_name = any(string_to_array($1, ' '))",
                .text(coupons.joined(separator: " ")))
        }

        private func message(_ user: String, _ coupon: String) throws -> ClaimMessage {
            let issuer = ClaimIDIssuer(secret: try #require(ProcessInfo.processInfo.environment["CLAIMS_ID_SECRET"]))
            let userID = try #require(UserID(user))
            let key = try #require(IdempotencyKey(headerValue: UUID().uuidString))
            return ClaimMessage(
                id: issuer.id(user: userID, key: key, at: .now()), userID: userID,
                couponName: try #require(CouponName(coupon)),
                createdAt: .now())
        }

        /// Returns the ids of those claims that are in the dead-letter queue.
        private func dead(_ claims: [ClaimMessage]) throws -> [String] {
            let ids = Set(claims.map(\.id.description))
            return try RabbitMQ.dead().compactMap(\.properties.messageID).filter(ids.contains)
        }

        private func publish(_ claims: [ClaimMessage]) throws {
            let lane = try #require(claims.first).couponName.lane(of: Setup.lanes)
            try RabbitMQ.publish(.claims(claims, encodedBy: .shared), lane: lane)
        }
    }
}
