import Claims
import Foundation
import RuntimeSupport
import Testing

@testable import DeadLetters

/// The field names of the JSON documents, which scripts depend on.
@Suite struct DeadLetterDocumentTests {
    private let now = Timestamp(milliseconds: DeadLetter.end.milliseconds + 61_000)

    private func object(_ value: some Encodable) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: JSONEncoder().encode(value)) as? [String: Any])
    }

    @Test func aLineHasAllMainFields() throws {
        let line = try object(DeadLetterLine(.made(7), now: now))
        #expect(
            Set(line.keys) == [
                "id", "fingerprint", "reason", "attempts", "error", "coupon_name", "user_id", "died_at", "age_seconds",
            ])
        #expect(line["age_seconds"] as? Int == 61)
        #expect(line["died_at"] as? String == "2026-11-22T17:27:34.123Z")
    }

    @Test func unknownFieldsOfALineAreNull() throws {
        let line = try object(DeadLetterLine(.stray("odd"), now: now))
        for field in ["reason", "coupon_name", "user_id", "died_at", "age_seconds"] {
            #expect(line[field] is NSNull, "\(field)")
        }
    }

    @Test func aDocumentAddsTheWholeMessageAndTheDiagnosis() throws {
        let document = DeadLetterDocument(.made(7), now: now, Diagnosis.Circumstances())
        let fields = try object(document)
        let line = try object(DeadLetterLine(.made(7), now: now))
        #expect(
            Set(fields.keys).subtracting(line.keys) == [
                "body", "headers", "errors", "claim", "diagnosis", "properties", "size",
            ])
        #expect(fields["claim"] is NSNull)
        #expect((fields["diagnosis"] as? [String: String])?["replay"] == "unknown")
        #expect((fields["body"] as? [String: Any])?["user_id"] as? String == "u7")
        #expect((fields["headers"] as? [String: Any])?["attempts"] as? Int == 4)
        #expect((fields["properties"] as? [String: String])?["delivery_mode"] == "2")
    }

    @Test func statisticsHaveAllTheirLists() throws {
        let statistics = DeadLetterStatistics([.made(1), .made(2), .stray("odd")])
        let fields = try object(StatisticsDocument(statistics, now: now))
        #expect(
            Set(fields.keys) == [
                "count", "causes", "by_reason", "by_coupon", "oldest_died_at", "oldest_age_seconds",
            ])
        let reasons = try #require(fields["by_reason"] as? [[String: Any]])
        #expect(reasons.map { $0["count"] as? Int } == [2, 1])
        #expect(reasons[0]["reason"] as? String == "lock_held" && reasons[1]["reason"] is NSNull)
        #expect(reasons[0]["coupon_name"] == nil && reasons[0]["error"] == nil)
        let cause = try #require((fields["causes"] as? [[String: Any]])?.first)
        #expect(
            Set(cause.keys) == [
                "reason", "error", "count", "coupons", "oldest_died_at", "newest_died_at", "example_id",
            ])
    }

    @Test func statisticsOfAnEmptyQueueHaveNullTimes() throws {
        let fields = try object(StatisticsDocument(DeadLetterStatistics([]), now: now))
        #expect(fields["count"] as? Int == 0)
        #expect(fields["oldest_died_at"] is NSNull && fields["oldest_age_seconds"] is NSNull)
    }

    @Test func aSnapshotCountsTheArrivalsOfTheLastMinute() throws {
        let times: [Int64] = [0, 1000, 1001, 60_000]
        let letters = times.enumerated().map { number, milliseconds in
            DeadLetter.made(number, died: Timestamp(milliseconds: DeadLetter.end.milliseconds + milliseconds))
        }
        var snapshot = QueueSnapshot(at: now)
        for letter in letters { snapshot.add(letter) }
        #expect(snapshot.depth == 4)
        #expect(snapshot.arrivals == 2)
        #expect(Set(try object(snapshot).keys) == ["at", "depth", "causes", "arrivals_per_minute"])
    }

    @Test func anArchivedMessageIsListedWithoutItsContent() throws {
        var message = ArchivedMessage(
            action: .discarded, id: "a", fingerprint: "f", copies: 1, note: nil, archivedAt: DeadLetter.end,
            archivedBy: "eve", line: "{}")
        #expect(Set(try object(message).keys) == ["id", "fingerprint", "copies", "discarded_at", "discarded_by"])
        message.note = "n"
        #expect(try object(message)["note"] as? String == "n")
    }

    @Test func theActionsInTheDatabaseAreFixed() {
        let actions: [ArchivedMessage.Action] = [.discarded, .edited]
        #expect(actions.map(\.rawValue) == ["discarded", "mended"])
    }
}
