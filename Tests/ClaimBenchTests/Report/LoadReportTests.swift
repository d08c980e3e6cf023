import Foundation
import NIOCore
import RuntimeSupport
import Testing

@testable import claimbench

@Suite struct LoadReportTests {
    private static func report(
        arrivals: LoadPlan.Arrivals = .openLoop(rate: 100), _ change: (inout Measurements) -> Void
    ) -> LoadReport {
        let plan = LoadPlan(
            host: "h", port: 1,
            request: ClaimRequest(host: "h", headers: [], run: "r", couponPrefix: "C", coupons: 1), connections: 2,
            arrivals: arrivals, duration: .seconds(2), count: nil, timeout: .seconds(1))
        var measurements = Measurements()
        change(&measurements)
        return LoadReport(
            LoadResult(measurements: measurements, duration: .seconds(2)), of: plan, cpuTime: .milliseconds(3))
    }

    private static func mixed(_ measurements: inout Measurements) {
        for milliseconds in 1...100 {
            measurements.recordSending(after: .microseconds(50))
            measurements.recordAnswer(status: 202, after: .milliseconds(Int64(milliseconds)))
        }
        for _ in 0..<2 {
            measurements.recordSending(after: .zero)
            measurements.recordAnswer(status: 503, after: .milliseconds(2))
        }
        measurements.recordSending(after: .zero)
        measurements.recordFailure(.timeout, after: .seconds(1))
        measurements.recordUnsent(after: .seconds(2))
    }

    @Test func eachRequestIsCountedInOnePlace() {
        let requests = Self.report(Self.mixed).requests
        #expect(requests.sent == 103 && requests.accepted == 100 && requests.refused == 2)
        #expect(requests.unanswered == 1 && requests.unsent == 1)
    }

    @Test func percentilesAreThoseOfTheRecordedLatencies() throws {
        let report = Self.report { measurements in
            for milliseconds in 1...1000 {
                measurements.recordAnswer(status: 202, after: .milliseconds(Int64(milliseconds)))
            }
        }
        let latency = try #require(report.latency)
        let pairs = [
            (latency.p50, 500.0), (latency.p90, 900), (latency.p99, 990), (latency.p999, 999), (latency.max, 1000),
        ]
        // Three significant digits.
        for (value, expected) in pairs { #expect(abs(value / expected - 1) < 0.002, "\(value) instead of \(expected)") }
    }

    @Test func requestsWithoutAnAnswerRaiseThePercentilesOfTheAcceptedOnes() throws {
        let latency = try #require(Self.report(Self.mixed).latency)
        #expect(latency.max >= 2000 && latency.max < 2010)
    }

    @Test func theRateIsThatOfAcceptedClaims() {
        #expect(Self.report(Self.mixed).rate == 50)
    }

    @Test func theCPUTimeIsDividedByTheRequestsThatWereSent() {
        #expect(Self.report(Self.mixed).cpuPerRequest == 29.13)
    }

    @Test func theTextNamesWhatWentWrong() {
        let text = Self.report(Self.mixed).text
        #expect(text.contains("open loop, 2 connections, 100 requests a second: http://h:1"))
        #expect(text.contains("100 in 2 s, 50 a second"))
        #expect(text.contains("202: 100, 503: 2") && text.contains("timeout: 1"))
        #expect(text.contains("1: the rate is higher than what ClaimAPI accepts over 2 connections"))
    }

    @Test func theTextOfAGoodRunHasNoLinesAboutFailures() {
        let text = Self.report { measurements in
            measurements.recordSending(after: .zero)
            measurements.recordAnswer(status: 202, after: .milliseconds(1))
        }.text
        #expect(!text.contains("failures") && !text.contains("not sent") && !text.contains("other answers"))
    }

    @Test func theDocumentHasEveryFieldAlsoWithoutAValue() throws {
        let json = String(
            decoding: try OrderedJSONEncoder().encode(Self.report(arrivals: .closedLoop) { _ in }), as: UTF8.self)
        #expect(
            json
                == #"{"url":"http://h:1","mode":"closed_loop","connections":2,"target_rate":null,"duration_seconds":2.0,"#
                + #""rate":0.0,"requests":{"sent":0,"accepted":0,"refused":0,"unanswered":0,"unsent":0},"status":{},"#
                + #""failures":{},"latency_ms":null,"refusal_latency_ms":null,"send_delay_ms":null,"cpu_us_per_request":0.0}"#
        )
    }
}
