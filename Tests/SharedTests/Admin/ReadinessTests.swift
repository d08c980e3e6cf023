import Observability
import Testing

@testable import Admin

@Suite struct ReadinessTests {
    private let stores = [
        Readiness.Store("rabbitmq", unavailableReason: nil),
        Readiness.Store("redis", unavailableReason: "no \"connection\""),
    ]

    @Test func aReadyProcessListsItsStores() {
        let readiness = Readiness(stores: stores, missing: nil)
        #expect(
            String(decoding: readiness.json, as: UTF8.self)
                == #"{"status":"ready","rabbitmq":"ok","redis":"no \"connection\""}"#)
    }

    @Test func aProcessThatIsNotReadyAnswersWithAProblem() {
        let readiness = Readiness(stores: stores, missing: "Redis is away.")
        #expect(
            String(decoding: readiness.json, as: UTF8.self) == """
                {"type":"urn:claims:problem:not_ready","title":"Not ready","status":503,"detail":"Redis is away.",\
                "code":"not_ready","rabbitmq":"ok","redis":"no \\"connection\\""}
                """)
    }

    @Test func eachStoreIsAGauge() {
        #expect(
            Readiness(stores: stores, missing: nil).storeUp.samples == [
                MetricFamily.Sample(labels: ["store", "rabbitmq"], value: 1),
                MetricFamily.Sample(labels: ["store", "redis"], value: 0),
            ])
    }
}
