import ArgumentParser
import NIOCore
import Testing

@testable import claimbench

@Suite struct LoadOptionsTests {
    private static func plan(_ arguments: String...) throws -> LoadPlan {
        try LoadOptions.parse(arguments).plan(defaultURL: "http://127.0.0.1:8080")
    }

    @Test func withoutArgumentsAClosedLoopRunsForTenSeconds() throws {
        let plan = try Self.plan()
        #expect(plan.host == "127.0.0.1" && plan.port == 8080 && plan.connections == 64)
        #expect(plan.arrivals == .closedLoop && plan.schedule == nil)
        #expect(plan.duration == .seconds(10) && plan.count == nil)
    }

    @Test func aCountAloneHasNoDuration() throws {
        #expect(try Self.plan("--count", "5").duration == nil)
        #expect(try Self.plan("--count", "5", "--duration", "0.5").duration == .milliseconds(500))
    }

    @Test func aRateMakesAnOpenLoop() throws {
        #expect(try Self.plan("--rate", "100").schedule?.total == 1000)
    }

    @Test func theURLMayHaveAnIPv6Address() throws {
        let plan = try Self.plan("--url", "http://[::1]:81/")
        #expect(plan.host == "::1" && plan.port == 81)
    }

    @Test(arguments: [
        ["--connections", "0"], ["--connections", "60001"], ["--rate", "0"], ["--rate", "-1"], ["--rate", "nan"],
        ["--duration", "0"], ["--duration", "inf"], ["--count", "0"], ["--coupons", "0"], ["--timeout", "0"],
        ["--prefix", "a b"], ["--prefix", ""], ["--run", "\""], ["--url", "https://127.0.0.1"], ["--url", "127.0.0.1"],
        ["--url", "http://h/path"], ["--header", "X"], ["--header", "X: a\r\nY: b"], ["--unknown"],
    ])
    func anUnusableArgumentIsRefused(_ arguments: [String]) {
        #expect(throws: (any Error).self) {
            try LoadOptions.parse(arguments).plan(defaultURL: "http://127.0.0.1:8080")
        }
    }
}
