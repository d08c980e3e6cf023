import Broker
import Claims
import Foundation
import OrderedCollections
import Testing

extension IntegrationTests {
    /// Traces of ClaimAPI and ClaimWorker, as a collector receives them.
    @Suite(.system(workers: 0), .checked)
    struct Tracing {
        let system = System.current
        private static let collectorPort = Setup.httpPort + 8
        private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

        private static func settings(_ more: [String: String] = [:]) -> [String: String] {
            [
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(collectorPort)", "CLAIMS_LOG_FORMAT": "json",
                "OTEL_TRACES_SAMPLER_ARG": "0",
            ].merging(more) { $1 }
        }

        private func start(_ more: [String: String] = [:]) async throws -> API {
            try await system.startWorker("traced-worker", Self.settings(more))
            return try await system.startAPI("traced-api", port: Setup.httpPort + 5, Self.settings(more))
        }

        private func submit(_ user: String, _ coupon: String, to api: API, traceparent: String?) async throws -> Claim {
            let headers =
                [("Content-Type", "application/json"), ("Idempotency-Key", UUID().uuidString)]
                + (traceparent.map { [("traceparent", $0)] } ?? [])
            let answer = try await api.send(
                "POST", "/claims", headers: headers, body: #"{"user_id":"\#(user)","coupon_name":"\#(coupon)"}"#)
            try #require(answer.status == 202, "\(answer)")
            let claim = try answer.decoded(Claim.self)
            system.ledger.add(claim.id)
            return claim
        }

        /// Returns the message of a claim that no worker has taken. Closing the connection returns it to the queue.
        private func waitingMessage(of claim: Claim) throws -> BrokerMessage {
            let connection = try RabbitMQ.connection()
            defer { connection.close() }
            let lane = try #require(CouponName(claim.couponName ?? "")?.lane(of: Setup.lanes))
            try connection.consume(Topology.workQueue(lane: lane), prefetch: 1, channel: 1)
            guard case .delivered(let delivery, _)? = try connection.nextEvent(atMost: .seconds(10)) else {
                throw TestFailure(description: "the queue of lane \(lane) is empty")
            }
            return delivery.message
        }

        @Test func aClaimIsTracedFromTheRequestToTheTransaction() async throws {
            try await Collector.serving(port: Self.collectorPort) { collector in
                let api = try await start()
                let coupon = try await api.coupon("TRACED", amount: 5)
                let claim = try await submit("u1", coupon, to: api, traceparent: Self.parent)
                #expect(try await api.claim(claim.id, wait: 30).status == "claimed")

                let request = try await eventually("the span of the request") {
                    collector.spans(of: "ClaimAPI").first { $0.attribute("claim.id") == claim.id }
                }
                #expect(request.name == "POST /claims" && request.kind == 2)
                #expect(request.traceId == "4bf92f3577b34da6a3ce929d0e0e4736")
                #expect(request.parentSpanId == "00f067aa0ba902b7")
                #expect(request.attribute("http.response.status_code") == "202")

                let link = Collector.Span.Link(traceId: request.traceId, spanId: request.spanId)
                let batch = try await eventually("the span of the batch") {
                    collector.spans(of: "ClaimWorker").first { $0.links == [link] }
                }
                #expect(batch.kind == 5 && batch.parentSpanId == nil && batch.traceId != request.traceId)
                #expect(batch.attribute("claim.id") == claim.id)
                #expect(batch.attribute("messaging.batch.message_count") == "1")

                let statement = try await eventually("the span of the transaction") {
                    collector.spans(of: "ClaimWorker").first { $0.parentSpanId == batch.spanId }
                }
                #expect(statement.traceId == batch.traceId && statement.kind == 3)
                #expect(statement.attribute("db.system.name") == "postgresql")
                #expect(statement.status == nil)
                let times = [
                    request.startTimeUnixNano, batch.startTimeUnixNano, statement.startTimeUnixNano,
                    statement.endTimeUnixNano, batch.endTimeUnixNano,
                ].compactMap(UInt64.init)
                #expect(times.count == 5 && times == times.sorted(), "\(times)")
                // A ratio of 0 traces only what the client traces.
                #expect(collector.spans(of: "ClaimAPI").count == 1)
            }
        }

        @Test func eachClaimOfAMessageKeepsItsOwnTrace() async throws {
            try await Collector.serving(port: Self.collectorPort) { collector in
                let api = try await start()
                let coupon = try await api.coupon("TRACED", amount: 100)
                // Claims that arrive before the confirm of the first share messages. A third of them is not traced.
                let claims = try await concurrently(Array(0..<90), atMost: 90) { number in
                    let trace = String(repeating: "0", count: 29) + String(1000 + number).suffix(3)
                    return try await submit(
                        "u\(number)", coupon, to: api,
                        traceparent: number % 3 == 0 ? nil : "00-\(trace)-00f067aa0ba902b7-01")
                }
                _ = try await concurrently(claims) { try await api.claim($0.id, wait: 30) }
                let requests = try await eventually("the spans of the requests") {
                    let spans = collector.spans(of: "ClaimAPI").filter { $0.name == "POST /claims" }
                    return spans.count == 60 ? spans : nil
                }
                let expected = Set(requests.map { Collector.Span.Link(traceId: $0.traceId, spanId: $0.spanId) })
                try await eventually("a link to each request") {
                    let links = collector.spans(of: "ClaimWorker").flatMap(\.links)
                    guard links.count >= 60 else { return false }
                    return Set(links) == expected && links.count == 60
                }
                #expect(
                    collector.spans(of: "ClaimWorker").contains { $0.links.count > 1 },
                    "some claims shared a batch")
            }
        }

        @Test func aClaimThatIsRetriedKeepsItsTraceAndItsLogLinesNameIt() async throws {
            try await Collector.serving(port: Self.collectorPort) { collector in
                let api = try await start(["CLAIMS_RETRY_DELAYS_MS": "50"])
                let coupon = try await api.coupon("TRACED", amount: 5)
                try Database.script(
                    "alter table user_claims add constraint no_traced check (user_id <> 'traced')")
                defer { try? Database.script("alter table user_claims drop constraint no_traced") }
                let claim = try await submit("traced", coupon, to: api, traceparent: Self.parent)
                #expect(try await api.claim(claim.id, wait: 30).status == "dead_lettered")
                try await eventually("the spans of both attempts") {
                    let spans = collector.spans(of: "ClaimWorker")
                    let failed = spans.filter { $0.attribute("db.system.name") != nil && $0.status?.code == 2 }
                    let linked = spans.filter { $0.links.first?.traceId == "4bf92f3577b34da6a3ce929d0e0e4736" }
                    return failed.count >= 2 && linked.count >= 2
                }
                let log = try String(
                    contentsOfFile: "\(Setup.runFolder)/logs/test-traced-worker", encoding: .utf8)
                let lines = log.split(separator: "\n").filter { $0.contains(claim.id) }
                #expect(lines.contains { $0.contains("claim dead-lettered") })
                #expect(
                    lines.allSatisfy { $0.contains(#""trace.id":"4bf92f3577b34da6a3ce929d0e0e4736""#) }, "\(lines)")
            }
        }

        @Test func aCollectorThatIsAwayHoldsUpNoClaim() async throws {
            let worker = Setup.httpPort + 7
            let settings = Self.settings(["OTEL_TRACES_SAMPLER_ARG": "1"])
            try await system.startWorker(
                "traced-worker", settings.merging(["CLAIMS_ADMIN_PORT": String(worker)]) { $1 })
            let api = try await system.startAPI("traced-api", port: Setup.httpPort + 5, settings)
            let coupon = try await api.coupon("TRACED", amount: 5)
            let claim = try await api.submit("u1", coupon)
            #expect(try await api.claim(claim.id, wait: 30).status == "claimed")
            let admin = API(port: worker, ledger: system.ledger)
            try await eventually("the dropped spans to be counted") {
                try await admin.get("/metrics").text.contains("claims_trace_drops_total{reason=\"export_failed\"} ")
            }
        }

        @Test func thereIsNoHeaderWithoutTracing() async throws {
            let api = try await system.startAPI("untraced-api", port: Setup.httpPort + 5)
            let coupon = try await api.coupon("UNTRACED", amount: 5)
            let claim = try await submit("u1", coupon, to: api, traceparent: Self.parent)
            let message = try waitingMessage(of: claim)
            #expect(message.properties.messageID == claim.id)
            #expect(message.properties.headers.keys.allSatisfy { !$0.hasPrefix("traceparent") })
            try await system.startWorker("untraced-worker")
            #expect(try await api.claim(claim.id, wait: 30).status == "claimed")
        }
    }
}
