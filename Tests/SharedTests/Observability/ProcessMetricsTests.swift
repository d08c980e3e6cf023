import Foundation
import Testing

@testable import Observability

@Suite struct ProcessMetricsTests {
    private let line = """
        4242 (a (strange) name) S 1 4242 4242 0 -1 4194304 500 0 0 0 150 50 0 0 20 0 7 0 300000 1048576000 2560 \
        18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0
        """

    @Test func theFieldsOfTheManualPageAreRead() throws {
        let stat = try #require(ProcessStat(line))
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        #expect(stat.cpuSeconds == 200 / ticks)
        #expect(stat.threads == 7)
        #expect(stat.startSecondsAfterBoot == 300_000 / ticks)
        #expect(stat.virtualBytes == 1_048_576_000)
        #expect(stat.residentBytes == 2560 * Double(sysconf(Int32(_SC_PAGESIZE))))
        #expect(stat.startTime(now: 1_000_000, secondsSinceBoot: 5000) == 995_000 + 300_000 / ticks)
    }

    @Test(arguments: ["", "4242 (name)", "4242 (name) S 1 2 3", "no parentheses 1 2 3"])
    func textInAnotherFormIsRefused(_ text: String) {
        #expect(ProcessStat(text) == nil)
    }

    @Test func allMetricsOfThisProcessAreRead() throws {
        let families = ProcessMetrics.families()
        #expect(families.count == 7)
        #expect(families.allSatisfy { $0.samples.count == 1 && $0.samples[0].value > 0 })
        let start = try #require(families.first { $0.name == "process_start_time_seconds" }?.samples[0].value)
        let age = Date().timeIntervalSince1970 - start
        #expect(age > -1 && age < 86_400, "the test process was started at \(start)")
    }
}
