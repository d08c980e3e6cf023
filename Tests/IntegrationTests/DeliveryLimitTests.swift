import Claims
import Foundation
import OrderedCollections
import Testing

extension IntegrationTests {
    /// What kills its worker again and again is caught by the broker.
    @Suite(.system(workers: 0), .checked)
    struct DeliveryLimit {
        let system = System.current
        var api: API { system.api }

        @Test func aMessageThatComesBackTooOftenIsDeadLetteredByTheBroker() async throws {
            let coupon = try await api.coupon("POISON", amount: 5)
            let lane = try #require(CouponName(coupon)).lane(of: Setup.lanes)
            let id = try await api.submit("u1", coupon).id
            for turn in 1...21 {
                let connection = try Broker.connection()
                try connection.consume("claims.work.\(lane)", prefetch: 1, channel: 1)
                guard case .delivered(let delivery, _) = try connection.nextEvent(atMost: .seconds(5)) else {
                    throw Waited(description: "delivery \(turn) did not come")
                }
                #expect(delivery.message.properties.messageID == id)
                // Gone without a word, as a killed worker goes.
            }
            let message = try await eventually("the message in claims.dead") { try Broker.dead(id) }
            let death = message.properties.headers["x-death"]?.array?.first?.table
            #expect(death?["reason"]?.string == "delivery_limit")
            try await system.startWorker("undertaker")
            let claim = try await api.claim(id, wait: 20)
            #expect(claim.outcome == "dead_lettered delivery_limit")
            #expect(try await api.coupon(coupon).remainingAmount == 5)
        }

        @Test func aMessageThatOnlyStoodNearIsDecided() async throws {
            let coupon = try await api.coupon("NEAR", amount: 5)
            let lane = try #require(CouponName(coupon)).lane(of: Setup.lanes)
            let ids = try await (0..<5).asyncMap { try await api.submit("u\($0)", coupon).id }
            for _ in 1...8 {
                let connection = try Broker.connection()
                try connection.consume("claims.work.\(lane)", prefetch: 10, channel: 1)
                for _ in ids { _ = try connection.nextEvent(atMost: .seconds(5)) }
            }
            try await system.startWorker("careful")
            let claims = try await ids.asyncMap { try await api.claim($0, wait: 20) }
            #expect(claims.tally == ["claimed": 5])
            #expect(claims.allSatisfy { $0.attempts == 1 }, "being returned is no failed attempt")
        }
    }
}
