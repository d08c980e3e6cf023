import Claims
import Settings
import Testing

@testable import ClaimWorker

@Suite struct WorkerSettingsTests {
    private let stores = [
        "DATABASE_URL": "postgres://host/claims", "REDIS_URL": "redis://host", "AMQP_URL": "amqp://host",
    ]

    private func settings(_ changes: [String: String] = [:]) throws(SettingError) -> WorkerSettings {
        try WorkerSettings(SettingReader(environment: stores.merging(changes) { $1 }))
    }

    @Test func theDefaultsAreThoseOfTheContract() throws {
        let settings = try settings()
        #expect(settings.lock.ttl == .seconds(20))
        #expect(settings.lock.wait == .milliseconds(500))
        #expect(settings.lock.retries == 3)
        #expect(settings.retries.delays.count == 3)
    }

    @Test func everySettingIsRead() throws {
        let settings = try settings([
            "CLAIMS_WORKER_NAME": "w1", "CLAIMS_BATCH": "50", "CLAIMS_PREFETCH": "60", "CLAIMS_LOCK_TTL_MS": "3000",
            "CLAIMS_LOCK_WAIT_MS": "10", "CLAIMS_LOCK_RETRIES": "0", "CLAIMS_RETRY_DELAYS_MS": "1,2",
            "CLAIMS_HEARTBEAT_SECONDS": "7", "CLAIMS_OUTAGE_PATIENCE_MS": "2500", "CLAIMS_LANES": "4",
        ])
        #expect(settings.name == "w1")
        #expect(settings.batch == 50)
        #expect(settings.prefetch == 60)
        #expect(settings.lock.ttl == .seconds(3))
        #expect(settings.lock.wait == .milliseconds(10))
        #expect(settings.lock.retries == 0)
        #expect(settings.retries.delays == [1, 2])
        #expect(settings.heartbeat == 7)
        #expect(settings.outagePatience == .milliseconds(2500))
        #expect(settings.stores.lanes == 4)
    }

    @Test(arguments: [
        ("CLAIMS_WORKER_NAME", "a/b"), ("CLAIMS_WORKER_NAME", "a b"), ("CLAIMS_BATCH", "0"), ("CLAIMS_BATCH", "many"),
        ("CLAIMS_PREFETCH", "100001"), ("CLAIMS_LOCK_TTL_MS", "20s"), ("CLAIMS_LOCK_WAIT_MS", "0"),
        ("CLAIMS_LOCK_RETRIES", "-1"), ("CLAIMS_RETRY_DELAYS_MS", "soon"), ("CLAIMS_HEARTBEAT_SECONDS", "0"),
        ("CLAIMS_OUTAGE_PATIENCE_MS", "x"), ("CLAIMS_LANES", "0"),
    ])
    func anInvalidSettingIsNamedAndShown(_ name: String, _ value: String) {
        let error = #expect(throws: SettingError.self) { try settings([name: value]) }
        #expect(error?.description.hasPrefix("\(name) must be ") == true)
        #expect(error?.description.hasSuffix("not \"\(value)\"") == true)
    }

    @Test func thePrefetchIsAtLeastABatch() throws {
        #expect(throws: SettingError.self) { try settings(["CLAIMS_BATCH": "500", "CLAIMS_PREFETCH": "499"]) }
        #expect(try settings(["CLAIMS_BATCH": "500", "CLAIMS_PREFETCH": "500"]).prefetch == 500)
    }

    @Test func everySettingHasAUniqueNameAndAHelpText() {
        #expect(Set(WorkerSettings.all.map(\.name)).count == WorkerSettings.all.count)
        #expect(WorkerSettings.all.allSatisfy { !$0.help.isEmpty })
    }
}
