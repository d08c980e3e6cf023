import Claims
import RuntimeSupport
import Testing

@testable import DeadLetters

@Suite struct DeadLetterSelectionTests {
    private let letters = [
        DeadLetter.made(1), DeadLetter.made(2, reason: "unreadable"), DeadLetter.stray("odd", messageID: "order-17"),
    ]

    private func select(
        _ selection: DeadLetterSelection, planned: Set<CompactID> = []
    ) -> (ids: [String], missing: [String]) {
        var matcher = DeadLetterSelection.Matcher(selection, at: DeadLetter.end, planned: planned)
        let found = letters.filter { matcher.selects($0) }
        return (found.map(\.id), matcher.missing)
    }

    @Test func oneWayOfSelectingIsAccepted() throws {
        let none = DeadLetterFilter()
        let filter = DeadLetterFilter(reason: "lock_held")
        #expect(try DeadLetterSelection(ids: ["a"], filter: none, all: false, plan: nil) == .ids(["a"]))
        #expect(try DeadLetterSelection(ids: [], filter: filter, all: false, plan: nil) == .filter(filter))
        #expect(try DeadLetterSelection(ids: [], filter: none, all: true, plan: nil) == .all)
        #expect(try DeadLetterSelection(ids: [], filter: none, all: false, plan: "d") == .plan(digest: "d"))
    }

    @Test(
        arguments: [
            ([], nil, false, nil), (["a"], "lock_held", false, nil), (["a"], nil, true, nil),
            ([], "lock_held", true, nil),
            ([], nil, true, "d"), (["a"], "lock_held", true, "d"),
        ] as [([String], String?, Bool, String?)])
    func noneAndSeveralWaysOfSelectingAreRefused(_ ids: [String], _ reason: String?, _ all: Bool, _ plan: String?) {
        let error = #expect(throws: DeadLetterError.self) {
            try DeadLetterSelection(ids: ids, filter: DeadLetterFilter(reason: reason), all: all, plan: plan)
        }
        #expect(error?.code == .invalidSelection)
    }

    @Test func idsSelectTheirMessagesInTheOrderOfTheQueue() {
        let (ids, missing) = select(.ids(["order-17", letters[0].message.fingerprint]))
        #expect(ids == [letters[0].id, "order-17"])
        #expect(missing.isEmpty)
    }

    @Test func idsOfNoMessageAreReported() {
        let (ids, missing) = select(.ids(["x", letters[1].id, "y"]))
        #expect(ids == [letters[1].id])
        #expect(missing == ["x", "y"])
    }

    @Test func aFilterSelectsTheMatchingMessages() {
        #expect(select(.filter(DeadLetterFilter(reason: "unreadable"))).ids == [letters[1].id])
        #expect(select(.filter(DeadLetterFilter(reason: "none"))).ids.isEmpty)
    }

    @Test func allSelectsEveryMessage() {
        #expect(select(.all).ids == letters.map(\.id))
    }

    @Test func aPlanSelectsItsMessagesOnly() {
        let planned = Set([letters[2].message.compactFingerprint, DeadLetter.made(9).message.compactFingerprint])
        #expect(select(.plan(digest: "d"), planned: planned).ids == ["order-17"])
        #expect(select(.plan(digest: "d")).ids.isEmpty)
    }
}
