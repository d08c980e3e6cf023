import Foundation
import Testing

extension IntegrationTests {
    /// The routes for operators, and the OpenAPI document compared with the running API.
    @Suite(.system(workers: 1), .checked)
    struct OperatorContract {
        let system = System.current
        var api: API { system.api }

        @Test func anUnknownPathIsNotFound() async throws {
            for path in ["/nothing", "/claims/a/b/c", "/coupons/A/B", "/claims//"] {
                let answer = try await api.get(path)
                #expect([404, 405].contains(answer.status) && answer.code != nil, "\(path): \(answer)")
            }
            #expect(try await api.get("/nothing").code == "not_found")
        }

        @Test func anotherMethodIsRefusedWithTheAllowedOnes() async throws {
            let answer = try await api.get("/claims")
            #expect(answer.status == 405 && answer.code == "method_not_allowed")
            #expect(answer.header("Allow") == "POST")
            let other = try await api.send("DELETE", "/coupons")
            #expect(other.status == 405)
            let allowed = Set(
                (other.header("Allow") ?? "").split(separator: ",").map {
                    $0.trimmingCharacters(in: .whitespaces)
                })
            #expect(allowed.isSuperset(of: ["GET", "POST"]))
        }

        @Test func theOpenAPIDocumentDescribesExactlyTheRoutes() async throws {
            let answer = try await api.get("/openapi.json")
            #expect(answer.header("Content-Type") == "application/json")
            let document = try #require(try JSONSerialization.jsonObject(with: answer.body) as? [String: Any])
            #expect((document["openapi"] as? String)?.hasPrefix("3.1") == true)
            let paths = try #require(document["paths"] as? [String: [String: Any]])
            #expect(paths.count >= 9)
            let coupon = try await api.coupon("DESCRIBED", amount: 1)
            let claim = try await api.submit("u1", coupon)
            for (path, methods) in paths {
                let real = path.replacing("{id}", with: claim.id).replacing("{name}", with: coupon)
                    .replacing("{file}", with: "app.js")
                // A stream may have no end, so it is asked for in another form.
                let headers = path.hasSuffix("/events") ? [("Accept", "application/json")] : []
                for method in ["get", "post", "put", "patch", "delete"] {
                    let answer = try await api.send(method.uppercased(), real, headers: headers)
                    if methods[method] != nil {
                        #expect(
                            ![405, 500].contains(answer.status) && answer.code != "not_found",
                            "\(method) \(real): \(answer)")
                        let described = try #require(
                            (methods[method] as? [String: Any])?["responses"] as? [String: Any])
                        #expect(described["\(answer.status)"] != nil, "\(method) \(path) gave \(answer), not described")
                    } else {
                        #expect(
                            answer.status == 405 && answer.code == "method_not_allowed", "\(method) \(real): \(answer)")
                    }
                }
            }
        }

        @Test func aRunningProcessIsHealthyAndReady() async throws {
            #expect(try await api.get("/healthz").status == 200)
            #expect(try await api.get("/readyz").status == 200)
        }

        @Test func logsAreJSONLinesIfConfigured() async throws {
            let name = "json-\(UInt32.random(in: 0 ... .max))"
            let worker = try await system.startWorker(
                name, ["CLAIMS_LOG_FORMAT": "json", "CLAIMS_LOG_LEVEL": "debug"])
            worker.signal(SIGTERM)
            #expect(try await worker.end(within: .seconds(10)) == 0)
            let log = try String(contentsOfFile: "\(Setup.runFolder)/logs/test-\(name)", encoding: .utf8)
            let lines = log.split(separator: "\n")
            #expect(lines.count > 0)
            for line in lines {
                let fact = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                #expect(fact?["level"] != nil && fact?["message"] != nil, "\(line)")
            }
        }

        @Test func theMetricsCountRequestsAndDecisions() async throws {
            let coupon = try await api.coupon("METRICS", amount: 2)
            let orders = ["a", "b", "c"].map { API.Order(user: $0, coupon: coupon) }
            #expect(try await api.outcomes(orders).tally == ["claimed": 2, "rejected sold_out": 1])
            let needed = [
                "http_server_request_duration", "claims_publishes", "claims_publish_duration", "batch",
                "claims_decisions",
                "sold_out", "claims_lane_consumers{lane=\"0\"", "claims_lane_unacknowledged",
                "claims_lane_oldest_seconds",
            ]
            try await eventually("a worker's metrics in /metrics") {
                let text = try await api.get("/metrics").text
                let missing = needed.filter { !text.contains($0) }
                guard missing.isEmpty else { throw TestFailure(description: "missing: \(missing) in\n\(text)") }
                return true
            }
            #expect(try await !api.get("/metrics").text.contains("Not described."), "every metric is described")
            let type = try await api.get("/metrics").header("Content-Type")
            #expect(type?.hasPrefix("text/plain") == true)
        }

        @Test func prometheusFindsNothingWrongWithTheMetrics() async throws {
            let coupon = try await api.coupon("PROMTOOL", amount: 1)
            _ = try await api.outcomes(["a", "b"].map { API.Order(user: $0, coupon: coupon) })
            let text = try await eventually("a worker's metrics in /metrics") {
                let text = try await api.get("/metrics").text
                return text.contains("claims_decisions_total") ? text : nil
            }
            let file = "\(Setup.runFolder)/logs/test-metrics"
            defer { try? FileManager.default.removeItem(atPath: file) }
            try Data(text.utf8).write(to: URL(fileURLWithPath: file))
            let result = try await Program.run(
                "/bin/sh", ["-c", "\"$0\" check metrics <\"$1\"", Setup.promtool, file])
            #expect(result.code == 0 && result.text.isEmpty, "\(result.text)")
        }
    }
}
