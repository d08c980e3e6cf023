import Broker
import Testing

@Suite struct ConfirmLedgerTests {
    private typealias Ledger = ConfirmLedger<String>
    private let start = ContinuousClock.now

    private func label(_ id: String?, _ sequence: Int64? = nil) -> PublishLabel {
        PublishLabel(messageID: id, sequence: sequence)
    }

    /// Returns a ledger with published messages of these ids. Waiters are named by tag; deadlines are one second apart.
    private func ledger(_ ids: String...) -> Ledger {
        var ledger = Ledger()
        for (index, id) in ids.enumerated() {
            _ = ledger.publish(
                label(id), deadline: start + .seconds(index + 1), waiter: "waiter \(index + 1)")
        }
        return ledger
    }

    @Test func tagsCountFromOne() {
        var ledger = Ledger()
        #expect(ledger.publish(label("a"), deadline: start, waiter: "1") == 1)
        #expect(ledger.publish(label("b"), deadline: start, waiter: "2") == 2)
        _ = ledger.resolve(tag: 2, multiple: true, confirmed: true)
        #expect(ledger.publish(label("c"), deadline: start, waiter: "3") == 3)
    }

    @Test func aConfirmResolvesItsMessageOnly() {
        var ledger = ledger("a", "b", "c")
        let resolved = ledger.resolve(tag: 2, multiple: false, confirmed: true)
        #expect(resolved.map(\.waiter) == ["waiter 2"])
        #expect(resolved.map(\.outcome) == [.confirmed])
    }

    @Test func aMultipleConfirmResolvesAllUpToItsTag() {
        var ledger = ledger("a", "b", "c")
        #expect(ledger.resolve(tag: 2, multiple: true, confirmed: true).map(\.waiter) == ["waiter 1", "waiter 2"])
        #expect(ledger.count == 1)
    }

    @Test func confirmsMayComeOutOfOrder() {
        var ledger = ledger("a", "b", "c")
        #expect(ledger.resolve(tag: 3, multiple: false, confirmed: true).map(\.waiter) == ["waiter 3"])
        #expect(ledger.resolve(tag: 1, multiple: false, confirmed: true).map(\.waiter) == ["waiter 1"])
        #expect(ledger.resolve(tag: 2, multiple: false, confirmed: true).map(\.waiter) == ["waiter 2"])
        #expect(ledger.count == 0)
    }

    @Test func aMultipleConfirmSkipsResolvedMessages() {
        var ledger = ledger("a", "b", "c")
        _ = ledger.resolve(tag: 2, multiple: false, confirmed: true)
        #expect(ledger.resolve(tag: 3, multiple: true, confirmed: true).map(\.waiter) == ["waiter 1", "waiter 3"])
    }

    @Test func aMessageIsResolvedOnce() {
        var ledger = ledger("a", "b")
        _ = ledger.resolve(tag: 2, multiple: false, confirmed: true)
        #expect(ledger.resolve(tag: 2, multiple: false, confirmed: true).isEmpty)
        #expect(ledger.resolve(tag: 2, multiple: false, confirmed: false).isEmpty)
    }

    @Test func aNackResolvesAsRefused() {
        var ledger = ledger("a", "b", "c")
        let resolved = ledger.resolve(tag: 2, multiple: true, confirmed: false)
        #expect(resolved.map(\.outcome) == [.refused, .refused])
        #expect(ledger.resolve(tag: 3, multiple: false, confirmed: true).map(\.outcome) == [.confirmed])
    }

    @Test(arguments: [0, 4, UInt64.max])
    func anUnknownTagResolvesNothing(_ tag: UInt64) {
        var ledger = ledger("a", "b", "c")
        #expect(ledger.resolve(tag: tag, multiple: true, confirmed: true).isEmpty)
        #expect(ledger.count == 3)
    }

    @Test func aReturnedMessageIsUnroutableDespiteItsConfirm() {
        var ledger = ledger("a", "b", "c")
        ledger.returned(label("b"))
        #expect(
            ledger.resolve(tag: 3, multiple: true, confirmed: true).map(\.outcome)
                == [.confirmed, .unroutable, .confirmed])
    }

    @Test func aReturnOfAnUnknownMessageChangesNothing() {
        var ledger = ledger("a")
        ledger.returned(label("z"))
        ledger.returned(label(nil))
        #expect(ledger.resolve(tag: 1, multiple: false, confirmed: true).map(\.outcome) == [.confirmed])
    }

    @Test func twoReturnsOfOneIDBelongToTwoMessages() {
        var ledger = ledger("a", "a", "a")
        ledger.returned(label("a"))
        ledger.returned(label("a"))
        #expect(
            ledger.resolve(tag: 3, multiple: true, confirmed: true).map(\.outcome)
                == [.unroutable, .unroutable, .confirmed])
    }

    /// A return precedes the confirm of its message, so it cannot belong to a confirmed one.
    @Test func aReturnBelongsToAnUnresolvedMessageOfThatID() {
        var ledger = ledger("first", "a", "a")
        _ = ledger.resolve(tag: 2, multiple: false, confirmed: true)
        ledger.returned(label("a"))
        #expect(ledger.resolve(tag: 3, multiple: false, confirmed: true).map(\.outcome) == [.unroutable])
    }

    /// A claim that is published twice, as for a repeated request, may be unroutable in one of two lanes.
    @Test func aReturnBelongsToThePublishWithItsSequenceNumber() {
        var ledger = Ledger()
        ledger.publish(label("a", 1), deadline: start, waiter: "first lane")
        ledger.publish(label("a", 2), deadline: start, waiter: "second lane")
        ledger.returned(label("a", 2))
        let resolved = ledger.resolve(tag: 2, multiple: true, confirmed: true)
        #expect(resolved.map(\.waiter) == ["first lane", "second lane"])
        #expect(resolved.map(\.outcome) == [.confirmed, .unroutable])
    }

    @Test func theFirstDeadlineIsOfTheOldestUnconfirmedMessage() {
        var ledger = ledger("a", "b", "c")
        #expect(ledger.firstDeadline == start + .seconds(1))
        _ = ledger.resolve(tag: 2, multiple: false, confirmed: true)
        #expect(ledger.firstDeadline == start + .seconds(1))
        _ = ledger.resolve(tag: 1, multiple: false, confirmed: true)
        #expect(ledger.firstDeadline == start + .seconds(3))
    }

    @Test func deadlinesCanBeExtended() {
        var ledger = ledger("a", "b")
        ledger.extendDeadlines(to: start + .seconds(30))
        #expect(ledger.firstDeadline == start + .seconds(30))
        _ = ledger.resolve(tag: 1, multiple: false, confirmed: true)
        #expect(ledger.firstDeadline == start + .seconds(30))
    }

    @Test func brokerEventsAreApplied() {
        var ledger = ledger("a", "b", "c")
        #expect(ledger.apply(.returned(label("b"), reason: "NO_ROUTE")).isEmpty)
        #expect(ledger.apply(.blocked(reason: "memory")).isEmpty)
        let confirmed = ledger.apply(.confirmed(tag: 2, multiple: true))
        #expect(confirmed.map(\.outcome) == [.confirmed, .unroutable])
        #expect(ledger.apply(.refused(tag: 3, multiple: false)).map(\.outcome) == [.refused])
        #expect(ledger.count == 0)
    }

    @Test func aResetReturnsAllWaitersAndRestartsTheNumbering() {
        var ledger = ledger("a", "b", "c", "d")
        for tag in [1, 3] as [UInt64] { _ = ledger.resolve(tag: tag, multiple: false, confirmed: true) }
        #expect(ledger.reset() == ["waiter 2", "waiter 4"])
        #expect(ledger.count == 0)
        #expect(ledger.publish(label("e"), deadline: start, waiter: "5") == 1)
    }
}
