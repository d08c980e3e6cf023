import RuntimeSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct MailboxTests {
    /// Longer than the suite's time limit, so that a wait that is not ended fails the test.
    private static let tooLong = Duration.seconds(90)

    @Test func itemsAreTakenInOrder() {
        let mailbox = Mailbox<Int>(capacity: 10)
        for item in 1...3 { #expect(mailbox.post(item)) }
        #expect(mailbox.takeWaiting(atMost: 10) == [1, 2, 3])
        #expect(mailbox.takeWaiting(atMost: 10) == [])
    }

    @Test func noMoreItemsThanTheLimitAreTaken() {
        let mailbox = Mailbox<Int>(capacity: 10)
        for item in 1...5 { _ = mailbox.post(item) }
        #expect(mailbox.takeWaiting(atMost: 2) == [1, 2])
        #expect(mailbox.take(atMost: 2, waiting: Self.tooLong) == [3, 4])
        #expect(mailbox.take(atMost: 2, waiting: Self.tooLong) == [5])
    }

    @Test func aFullMailboxRefusesItems() {
        let mailbox = Mailbox<Int>(capacity: 2)
        #expect(mailbox.post(1))
        #expect(mailbox.post(2))
        #expect(!mailbox.post(3))
        #expect(mailbox.takeWaiting(atMost: 1) == [1])
        #expect(mailbox.post(4))
        #expect(mailbox.takeWaiting(atMost: 10) == [2, 4])
    }

    @Test func aClosedMailboxRefusesItemsAndReturnsWaitingOnes() {
        let mailbox = Mailbox<Int>(capacity: 2)
        _ = mailbox.post(1)
        mailbox.close()
        #expect(mailbox.isClosed)
        #expect(!mailbox.post(2))
        #expect(mailbox.take(atMost: 10, waiting: Self.tooLong) == [1])
        #expect(mailbox.take(atMost: 10, waiting: Self.tooLong) == [])
    }

    @Test func anItemWakesAWaitingThread() async {
        let mailbox = Mailbox<Int>(capacity: 10)
        async let taken = onThread { mailbox.take(atMost: 10, waiting: Self.tooLong) }
        #expect(mailbox.post(1))
        #expect(await taken == [1])
    }

    @Test func closingWakesAWaitingThread() async {
        let mailbox = Mailbox<Int>(capacity: 10)
        async let taken = onThread { mailbox.take(atMost: 10, waiting: Self.tooLong) }
        mailbox.close()
        #expect(await taken == [])
    }

    @Test(arguments: 0..<30) func aRemainingItemWakesTheNextThread(_ round: Int) async {
        let mailbox = Mailbox<Int>(capacity: 10)
        let started = [WakeSignal(), WakeSignal()]
        func takeOne(_ thread: Int) async -> [Int] {
            await onThread {
                started[thread].raise()
                return mailbox.take(atMost: 1, waiting: Self.tooLong)
            }
        }
        async let first = takeOne(0)
        async let second = takeOne(1)
        await onThread { for signal in started { signal.wait(atMost: Self.tooLong) } }
        _ = (mailbox.post(1), mailbox.post(2))
        #expect(await (first + second).sorted() == [1, 2])
    }

    @Test func removedItemsAreReturnedInOrderAndTheOthersStay() {
        let mailbox = Mailbox<Int>(capacity: 4)
        for item in 1...4 { #expect(mailbox.post(item)) }
        #expect(mailbox.remove { $0 % 2 == 0 } == [2, 4])
        #expect(mailbox.post(5) && mailbox.post(6), "removed items free their places")
        #expect(mailbox.takeWaiting(atMost: .max) == [1, 3, 5, 6])
    }

    /// In most rounds all three threads are blocked when the mailbox is closed.
    @Test(arguments: 0..<20) func closingWakesAllThreads(_ round: Int) async {
        let mailbox = Mailbox<Int>(capacity: 10)
        await withTaskGroup { group in
            for _ in 0..<3 {
                let isWaiting = WakeSignal()
                group.addTask {
                    let taken = await onThread {
                        isWaiting.raise()
                        return mailbox.take(atMost: 1, waiting: Self.tooLong)
                    }
                    #expect(taken == [])
                }
                await onThread { isWaiting.wait(atMost: Self.tooLong) }
            }
            mailbox.close()
        }
    }

    @Test func noItemIsLostOrDuplicatedBetweenManyCallersAndTwoThreads() async {
        let mailbox = Mailbox<Int>(capacity: 100)
        async let first = drain(mailbox)
        async let second = drain(mailbox)
        await withTaskGroup { group in
            for caller in 0..<4 {
                group.addTask {
                    for item in 0..<1000 {
                        while !mailbox.post(caller * 1000 + item) { await Task.yield() }
                    }
                }
            }
        }
        mailbox.close()
        #expect(await (first + second).sorted() == Array(0..<4000))
    }

    /// Takes all items on a new thread until the mailbox is closed and empty.
    private func drain(_ mailbox: Mailbox<Int>) async -> [Int] {
        await onThread {
            var all: [Int] = []
            while true {
                let isClosed = mailbox.isClosed
                let taken = mailbox.take(atMost: 7, waiting: Self.tooLong)
                if taken.isEmpty && isClosed { return all }
                all += taken
            }
        }
    }
}
