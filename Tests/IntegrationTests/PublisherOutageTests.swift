import Broker
import Claims
import Foundation
import Logging
import OrderedCollections
import Testing

extension IntegrationTests {
    /// A publisher whose broker stops reading.
    @Suite(.timeLimit(.minutes(2))) struct PublisherOutages {
        @Test func aBrokerThatStopsReadingMakesThePublisherUnavailable() async throws {
            // Heartbeats reveal nothing in time, and confirms are overdue only when the thread looks for them.
            let publisher = Publisher<OutgoingMessage>(
                Publisher.Configuration(
                    addresses: try Setup.stores().brokers, heartbeat: 60, confirmTimeout: .seconds(2), capacity: 10_000,
                    name: "tests", routes: 1, message: { items, _ in items[0] }, prepare: { _, _ in }),
                logger: Logger(label: "tests"))
            let running = Task { try await publisher.run() }
            defer { running.cancel() }
            try await eventually("the publisher to connect") { publisher.unavailableReason == nil }
            try Server.rabbitmq.signal(SIGSTOP)
            defer { try? Server.rabbitmq.signal(SIGCONT) }
            // 256 MiB fill the socket's buffers on both sides. No queue has this name.
            let message = OutgoingMessage(
                BrokerMessage(properties: MessageProperties(), body: [UInt8](repeating: 0, count: 1 << 18)),
                exchange: "", routingKey: "tests.nowhere")
            let confirmed = try await concurrently(Array(0..<1024), atMost: 1024) { _ in
                do throws(PublishError) {
                    try await publisher.publish(message, route: 0)
                    return true
                } catch {
                    return false
                }
            }
            #expect(!confirmed.contains(true), "each request is answered without the broker")
            try await eventually("the publisher to be unavailable") { publisher.unavailableReason != nil }
            try Server.rabbitmq.signal(SIGCONT)
            try await eventually("the publisher to connect again", within: .seconds(30)) {
                publisher.unavailableReason == nil
            }
            running.cancel()
            try await running.value
        }

        /// As for a worker's retries and `claimctl`, which block their own thread.
        @Test func aSendThatTheBrokerDoesNotTakeFails() throws {
            let publisher = try ConfirmedPublisher<Int>(
                anyOf: try Setup.stores().brokers, heartbeat: 60, name: "tests", confirmTimeout: .seconds(120))
            try Server.rabbitmq.signal(SIGSTOP)
            defer { try? Server.rabbitmq.signal(SIGCONT) }
            let message = OutgoingMessage(
                BrokerMessage(properties: MessageProperties(), body: [UInt8](repeating: 0, count: 1 << 18)),
                exchange: "", routingKey: "tests.nowhere")
            #expect(throws: BrokerError.self) {
                try publisher.publish((0..<256).map { (message, $0) })
            }
        }

        /// RabbitMQ refuses messages for a queue without a leader, and one channel may do so for longer than another.
        @Test func aConnectionThatRefusesAMessageIsGivenUp() async throws {
            let queue = "tests.full"
            let publisher = try ConfirmedPublisher<Int>(
                anyOf: try Setup.stores().brokers, heartbeat: 60, name: "tests", confirmTimeout: .seconds(120)
            ) { connection, channel throws(BrokerError) in
                let arguments: AMQPTable = [
                    "x-queue-type": .string("quorum"), "x-max-length": .int32(1), "x-expires": .int32(60_000),
                    "x-overflow": .string("reject-publish"),
                ]
                try connection.declareQueue(queue, arguments: arguments, channel: channel)
            }
            let message = OutgoingMessage(
                BrokerMessage(properties: MessageProperties(), body: []), exchange: "", routingKey: queue)
            try await eventually("a message to be refused") { try publisher.deliver([message]).isEmpty }
            try await eventually("the connection to be given up", within: .seconds(5)) {
                do throws(BrokerError) {
                    _ = try publisher.receive()
                    return false
                } catch {
                    return error.kind == .refused(code: 0)
                }
            }
        }
    }
}
