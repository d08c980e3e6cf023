import Broker
import Claims
import Foundation
import OrderedCollections
import Redis
import Testing

extension IntegrationTests {
    /// The delivery limit of the broker catches poison messages.
    @Suite(.system(workers: 0), .checked)
    struct DeliveryLimit {
        let system = System.current
        var api: API { system.api }

        @Test func theBrokerDeadLettersAMessageAfterTooManyRedeliveries() async throws {
            let coupon = try await api.coupon("POISON", amount: 5)
            let lane = try #require(CouponName(coupon)).lane(of: Setup.lanes)
            let id = try await api.submit("u1", coupon).id
            for turn in 1...21 {
                let connection = try RabbitMQ.connection()
                try connection.consume("claims.work.\(lane)", prefetch: 1, channel: 1)
                guard case .delivered(let delivery, _) = try connection.nextEvent(atMost: .seconds(5)) else {
                    throw TestFailure(description: "delivery \(turn) did not arrive")
                }
                #expect(delivery.message.properties.messageID == id)
                // The connection is dropped without an acknowledgement, as by a killed worker.
            }
            let message = try await eventually("the message in claims.dead") { try RabbitMQ.dead(id) }
            let death = message.properties.headers["x-death"]?.array?.first?.table
            #expect(death?["reason"]?.string == "delivery_limit")
            try await system.startWorker("recorder")
            let claim = try await api.claim(id, wait: 20)
            #expect(claim.outcome == "dead_lettered delivery_limit")
            #expect(try await api.coupon(coupon).remainingAmount == 5)
        }

        @Test func aMessageBelowTheDeliveryLimitIsDecided() async throws {
            let coupon = try await api.coupon("BELOW", amount: 5)
            let lane = try #require(CouponName(coupon)).lane(of: Setup.lanes)
            let ids = try await (0..<5).asyncMap { try await api.submit("u\($0)", coupon).id }
            for _ in 1...8 {
                let connection = try RabbitMQ.connection()
                try connection.consume("claims.work.\(lane)", prefetch: 10, channel: 1)
                for _ in ids { _ = try connection.nextEvent(atMost: .seconds(5)) }
            }
            try await system.startWorker("careful")
            let claims = try await ids.asyncMap { try await api.claim($0, wait: 20) }
            #expect(claims.tally == ["claimed": 5])
            #expect(claims.allSatisfy { $0.attempts == 1 }, "a redelivery is not a failed attempt")
        }

        @Test func aSuspiciousMessageKeepsItsStrikesWhileItsLockIsHeld() async throws {
            let coupon = try await api.coupon("SUSPECT", amount: 5)
            let lane = try #require(CouponName(coupon)).lane(of: Setup.lanes)
            let id = try await api.submit("u1", coupon).id
            for _ in 1...8 {
                let connection = try RabbitMQ.connection()
                try connection.consume("claims.work.\(lane)", prefetch: 1, channel: 1)
                _ = try connection.nextEvent(atMost: .seconds(5))
            }
            let strikes = "claims:suspect:\(id)"
            try Cache.send("SET", strikes, "2")
            try Cache.send("SET", "claim:coupon:\(coupon)", "foreign", "PX", "60000")
            let worker = try await system.startWorker(
                "patient", ["CLAIMS_LOCK_WAIT_MS": "50", "CLAIMS_LOCK_RETRIES": "1000"])
            try await eventually("two failed tries of the lock") {
                let text = try await api.get("/metrics").text
                let waits = try Regex("claims_lock_waits_total\\{worker=\"patient-\(worker.pid)-[^\"]*\"\\} (\\d+)")
                return text.firstMatch(of: waits)?.output[1].substring.flatMap { Int($0) } ?? 0 >= 2
            }
            #expect(try Cache.send("GET", strikes).string == "2", "the message was not processed")
            try Cache.send("DEL", "claim:coupon:\(coupon)")
            let claim = try await api.claim(id, wait: 20)
            #expect(claim.outcome == "claimed" && claim.attempts == 1)
            try await eventually("the strikes to be cleared") { try Cache.send("EXISTS", strikes).integer == 0 }
        }

        @Test func aMessageWithThreeStrikesIsDeadLetteredByTheWorker() async throws {
            let coupon = try await api.coupon("STRUCK", amount: 5)
            let lane = try #require(CouponName(coupon)).lane(of: Setup.lanes)
            let id = try await api.submit("u1", coupon).id
            for _ in 1...8 {
                let connection = try RabbitMQ.connection()
                try connection.consume("claims.work.\(lane)", prefetch: 1, channel: 1)
                _ = try connection.nextEvent(atMost: .seconds(5))
            }
            try Cache.send("SET", "claims:suspect:\(id)", "3")
            try await system.startWorker("strict")
            #expect(try await api.claim(id, wait: 20).outcome == "dead_lettered delivery_limit")
            let message = try await RabbitMQ.deadLetter(id)
            #expect(message.properties.headers["reason"]?.string == "delivery_limit")
            #expect(try await api.coupon(coupon).remainingAmount == 5)
            try await eventually("no lock") { try Cache.locks()[coupon] == nil }
        }
    }
}
