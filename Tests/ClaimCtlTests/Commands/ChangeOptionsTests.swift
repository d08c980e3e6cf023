import ArgumentParser
import DeadLetters
import Testing

@testable import claimctl

@Suite struct ChangeOptionsTests {
    private func selection(_ arguments: [String]) throws -> DeadLetterSelection {
        try ChangeOptions.parse(arguments).selection(for: .replay)
    }

    @Test func theOptionsMakeASelection() throws {
        #expect(try selection(["a", "b"]) == .ids(["a", "b"]))
        #expect(try selection(["--all"]) == .all)
        #expect(try selection(["--plan", "d"]) == .plan(digest: "d"))
        let filter = DeadLetterFilter(
            reason: "lock_held", couponName: "FLASH_SALE", userID: "u1", olderThan: 5400, newerThan: 172_800)
        let options = [
            "--reason", "lock_held", "--coupon", "flash sale!", "--user", "u1", "--older-than", "1h30m",
            "--newer-than", "2d",
        ]
        #expect(try selection(options) == .filter(filter))
    }

    @Test(arguments: [
        [], ["a", "--all"], ["--all", "--reason", "x"], ["a", "--user", "u1"], ["--plan", "d", "--all"],
        ["--plan", "d", "--dry-run"], ["--older-than", "soon"], ["--coupon", "!"],
    ])
    func unclearOptionsAreWrongUsage(_ arguments: [String]) {
        let failure = #expect(throws: Failure.self) { try selection(arguments) }
        #expect(failure?.code == 64)
    }
}
