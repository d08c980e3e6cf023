import Broker
import Claims
import Redis
import Settings
import Testing

@Suite struct StoreSettingsTests {
    private let environment = [
        "DATABASE_URL": "postgres://claims:hunter2@127.0.0.1:25432/claims",
        "REDIS_URL": "redis://:hunter2@127.0.0.1:26380/0",
        "AMQP_URL": "amqp://claims:hunter2@a:25673/claims,amqp://claims:hunter2@b:25673/claims",
    ]

    /// Returns the error for a changed environment; nil if the settings are valid.
    private func validationError(_ changes: [String: String]) -> String? {
        do throws(SettingError) {
            _ = try StoreSettings(SettingReader(environment: environment.merging(changes) { $1 }))
            return nil
        } catch {
            return error.description
        }
    }

    @Test func theStoresAreReadFromTheirURLs() throws {
        let settings = try StoreSettings(SettingReader(environment: environment))
        #expect("\(settings.database)" == "postgres://127.0.0.1:25432/claims")
        #expect(settings.redis.port == 26380)
        #expect(settings.brokers.map(\.host) == ["a", "b"])
        #expect(settings.lanes == 8)
    }

    @Test(arguments: ["DATABASE_URL", "REDIS_URL", "AMQP_URL"])
    func aMissingURLIsNamed(_ name: String) {
        #expect(validationError([name: ""])?.hasPrefix("\(name) is not set") == true)
    }

    @Test(arguments: ["DATABASE_URL", "REDIS_URL", "AMQP_URL"])
    func anInvalidURLIsNamedButNotShown(_ name: String) throws {
        let validationError = try #require(self.validationError([name: "mysql://claims:hunter2@host/claims"]))
        #expect(validationError.hasPrefix("\(name) must be "))
        #expect(!validationError.contains("hunter2"))
    }

    @Test(arguments: ["postgresql://host/claims", "postgres:///claims?host=/run/postgresql", "postgres://a,b/claims"])
    func anyURLOfLibpqIsAccepted(_ url: String) {
        #expect(validationError(["DATABASE_URL": url]) == nil)
    }

    @Test(arguments: [
        ("DATABASE_URL", "postgres://claims:hunter2@host:port/claims"),
        ("DATABASE_URL", "postgres://u:hunter2%zz@host/db"),
        ("REDIS_URL", "redis://:hunter2@host/0?timeout=5"), ("AMQP_URL", "amqp://u:hunter2@host/v?heartbeat=5"),
    ])
    func anUnusableURLIsNamedButNotShown(_ name: String, _ url: String) throws {
        let error = try #require(validationError([name: url]))
        #expect(error.hasPrefix("\(name) must be ") && !error.contains("hunter2"))
    }

    @Test(arguments: ["1", "256"])
    func theNumberOfLanesIsFrom1To256(_ lanes: String) {
        #expect(validationError(["CLAIMS_LANES": lanes]) == nil)
    }

    @Test(arguments: ["0", "257", "-8", "many"])
    func anInvalidNumberOfLanesIsNamedAndShown(_ lanes: String) {
        #expect(validationError(["CLAIMS_LANES": lanes])?.hasSuffix("not \"\(lanes)\"") == true)
        #expect(validationError(["CLAIMS_LANES": lanes])?.hasPrefix("CLAIMS_LANES must be ") == true)
    }

    @Test func everyURLIsMarkedAsASecret() {
        #expect(StoreSettings.all.filter(\.isSecret).map(\.name) == ["DATABASE_URL", "REDIS_URL", "AMQP_URL"])
    }
}
