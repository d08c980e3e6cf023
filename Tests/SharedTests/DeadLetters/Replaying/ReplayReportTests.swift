import Claims
import Foundation
import Testing

@testable import DeadLetters

@Suite struct ReplayReportTests {
    private func sent(_ number: Int) -> SentClaim {
        SentClaim(id: ClaimMessage.made(number).id, at: DeadLetter.end, wasDecided: false)
    }

    private var report: ReplayReport {
        var report = ReplayReport()
        report.replayed = 7
        report.superseded = 2
        report.gone = 3
        report.unfollowed = 1
        report.waiting = 4
        report.outcomes = [
            sent(1): .decidedAnew(.claimed), sent(2): .decidedAnew(.claimed), sent(3): .decidedAnew(.rejected),
            sent(4): .decidedBefore, sent(7): .decidedAnew(.cancelled), sent(6): .failedAgain, sent(5): .failedAgain,
        ]
        return report
    }

    private func json(_ report: ReplayReport) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return String(decoding: try encoder.encode(report), as: UTF8.self)
    }

    @Test func theDocumentCountsEachOutcome() throws {
        let ids = [5, 6].map { "\"\(ClaimMessage.made($0).id)\"" }.joined(separator: ",")
        #expect(
            try json(report) == """
                {"cancelled":1,"claimed":2,"decided_anew":4,"decided_before":1,"failed_again":2,"failed_ids":[\(ids)],"gone":3,\
                "pending":0,"refused":0,"rejected":1,"replayed":7,"superseded":2,"unfollowed":1,"waiting":4}
                """)
    }

    @Test func theDocumentSaysWhyAReplayStopped() throws {
        var stopped = report
        stopped.stopped = "enough"
        #expect(try json(stopped).contains(#""stopped":"enough""#))
    }

    @Test func aCompleteReplayIsNotAnError() throws {
        var complete = report
        complete.waiting = 0
        try complete.check()
    }

    @Test func aCancelThatWasNotSentIsAnError() {
        let error = #expect(throws: DeadLetterError.self) { try report.check() }
        #expect(error?.code == .cancelWaits)
    }

    @Test func aStoppedReplayIsAnErrorBeforeAllOthers() {
        var stopped = report
        stopped.stopped = "enough"
        stopped.refused = 1
        let error = #expect(throws: DeadLetterError.self) { try stopped.check(missing: ["x"]) }
        #expect(error?.code == .rampStopped)
        #expect(error?.message == "stopped: enough")
    }

    @Test func messagesThatTheBrokerDidNotStoreAreAnError() {
        var refused = report
        refused.refused = 1
        #expect(throws: DeadLetterError.self) { try refused.check() }
    }

    @Test func idsOfNoMessageAreAnError() {
        var complete = report
        complete.waiting = 0
        let error = #expect(throws: DeadLetterError.self) { try complete.check(missing: ["x", "y"]) }
        #expect(error?.code == .someMissing)
        #expect(error?.message.contains("x, y") == true)
    }

    @Test func anOutcomeIsWrittenInOneWord() {
        let outcomes: [ReplayOutcome] = [.decidedAnew(.rejected), .decidedBefore, .failedAgain, .pending]
        #expect(outcomes.map(\.word) == ["rejected", "decided_before", "dead_lettered", "pending"])
    }
}
