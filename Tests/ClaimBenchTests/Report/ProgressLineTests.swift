import NIOCore
import Testing

@testable import claimbench

@Suite struct ProgressLineTests {
    @Test func progressShowsTheRateAndWhatFails() {
        var measurements = Measurements()
        for _ in 0..<6 { measurements.recordAnswer(status: 202, after: .milliseconds(1)) }
        #expect(ProgressLine.text(measurements, after: .seconds(2)) == "2 s: 6 accepted, 3 a second")
        measurements.recordAnswer(status: 503, after: .milliseconds(1))
        measurements.recordFailedConnection()
        #expect(
            ProgressLine.text(measurements, after: .seconds(2))
                == "2 s: 6 accepted, 3 a second, 1 other answers, 1 failures")
    }
}
