import Foundation
import Testing

extension IntegrationTests {
    /// The admin listeners of ClaimAPI and ClaimWorker.
    @Suite(.system(workers: 1), .checked)
    struct AdminListener {
        let system = System.current
        var api: API { system.api }
        /// The ports above those of the API processes of other tests.
        private static let apiPort = Setup.httpPort + 6
        private static let workerPort = Setup.httpPort + 7

        private func admin(_ port: Int) -> API { API(port: port, ledger: system.ledger) }

        private func startAPI() async throws -> API {
            _ = try await system.startAPI(
                "admin-api", port: Setup.httpPort + 5, ["CLAIMS_ADMIN_PORT": String(Self.apiPort)])
            return admin(Self.apiPort)
        }

        private func startWorker() async throws -> API {
            try await system.startWorker("admin-worker", ["CLAIMS_ADMIN_PORT": String(Self.workerPort)])
            return admin(Self.workerPort)
        }

        @Test func theMetricsOfBothProgramsPassPromtool() async throws {
            let (api, worker) = (try await startAPI(), try await startWorker())
            let coupon = try await self.api.coupon("ADMIN", amount: 5)
            _ = try await self.api.outcomes(["a", "b"].map { API.Order(user: $0, coupon: coupon) })
            // Claims of other tests, whose rows were deleted, may count as lost.
            try Cache.send("DEL", "claims:lost")
            #expect(try await [0, 1].contains(claimctl("audit", "--against-broker").code))
            #expect(try await claimctl("audit").code == 0)
            let process = [
                "process_cpu_seconds_total ", "process_resident_memory_bytes ", "process_open_fds ", "process_threads ",
                "process_start_time_seconds ", "claims_store_up{store=\"rabbitmq\"} 1",
                "claims_store_up{store=\"redis\"} 1", "claims_store_up{store=\"postgres\"} 1",
            ]
            let ofAPI = [
                "claims_lane_depth{lane=\"0\"}", "claims_dead_letters ", "claims_audit_violations 0",
                "claims_audit_timestamp_seconds ", "claims_lost ", "claims_coupon_remaining{coupon=\"\(coupon)\"} 3",
            ]
            let ofWorker = ["claims_lane_consumers{lane=\"7\"} 1", "claims_lane_oldest_seconds{lane=\"0\"} 0"]
            for (listener, needed) in [(api, process + ofAPI), (worker, process + ofWorker)] {
                let text = try await eventually("the metrics") {
                    let text = try await listener.get("/metrics").text
                    let missing = needed.filter { !text.contains("\n\($0)") }
                    guard missing.isEmpty else { throw TestFailure(description: "missing: \(missing) in\n\(text)") }
                    return text
                }
                #expect(!text.contains("Not described."), "every metric is described")
                #expect(!text.contains("worker=\""), "a process shows its own metrics only")
                try await expectNoFinding(in: text)
            }
        }

        private func expectNoFinding(in metrics: String) async throws {
            let file = "\(Setup.runFolder)/logs/test-admin-metrics"
            defer { try? FileManager.default.removeItem(atPath: file) }
            try Data(metrics.utf8).write(to: URL(fileURLWithPath: file))
            let result = try await Program.run(
                "/bin/sh", ["-c", "\"$0\" check metrics <\"$1\"", Setup.promtool, file])
            #expect(result.code == 0 && result.text.isEmpty, "\(result.text)")
        }

        @Test func aWorkerShowsWhichStoreIsUnavailable() async throws {
            let worker = try await startWorker()
            #expect(try await worker.get("/healthz").text == #"{"status":"ok"}"#)
            try await eventually("readiness") { try await worker.get("/readyz").status == 200 }
            try await Server.redis.stop()
            try await eventually("the outage in /readyz") {
                let answer = try await worker.get("/readyz")
                return answer.status == 503 && answer.code == "not_ready" && answer.text.contains("redis: ")
                    && answer.text.contains(#""postgres":"ok""#)
            }
            let metrics = try await worker.get("/metrics").text
            #expect(metrics.contains("claims_store_up{store=\"redis\"} 0"))
            #expect(metrics.contains("claims_store_up{store=\"postgres\"} 1"))
            #expect(try await worker.get("/healthz").status == 200, "an outage is no reason to restart the worker")
            try await Server.redis.start()
            try await eventually("readiness after the outage") { try await worker.get("/readyz").status == 200 }
        }

        @Test func aWorkerWithoutTheBrokerIsNotReady() async throws {
            let worker = try await startWorker()
            try await Server.rabbitmq.stop()
            try await eventually("the outage in /readyz", within: .seconds(30)) {
                let answer = try await worker.get("/readyz")
                return answer.status == 503 && answer.text.contains("rabbitmq: ")
            }
            #expect(try await worker.get("/metrics").text.contains("claims_store_up{store=\"rabbitmq\"} 0"))
            try await Server.rabbitmq.start()
            try await eventually("readiness after the outage", within: .seconds(60)) {
                try await worker.get("/readyz").status == 200
            }
        }

        @Test func theAPIShowsWhichStoreIsUnavailable() async throws {
            let api = try await startAPI()
            #expect(try await api.get("/healthz").text == #"{"status":"ok"}"#)
            #expect(
                try await api.get("/readyz").text
                    == #"{"status":"ready","rabbitmq":"ok","redis":"ok","postgres":"ok"}"#)
            try await Server.postgres.stop()
            try await eventually("the outage in /metrics") {
                try await api.get("/metrics").text.contains("claims_store_up{store=\"postgres\"} 0")
            }
            // Claims are accepted without PostgreSQL.
            let answer = try await api.get("/readyz")
            #expect(answer.status == 200 && answer.text.contains("no connection to PostgreSQL"), "\(answer)")
            try await Server.postgres.start()
        }

        @Test func aProgramNamesThePortThatIsInUse() async throws {
            for program in ["ClaimAPI", "ClaimWorker"] {
                let settings = [
                    "CLAIMS_HTTP_PORT": String(Setup.httpPort + 5), "CLAIMS_ADMIN_PORT": String(Setup.httpPort),
                ]
                let result = try await Program.run(program, settings: settings, within: .seconds(30))
                #expect(
                    result.code != 0 && result.errors.contains("another program uses the port")
                        && result.errors.contains("CLAIMS_ADMIN_PORT"), "\(program): \(result)")
            }
        }
    }
}
