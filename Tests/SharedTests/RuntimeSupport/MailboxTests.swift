import RuntimeSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct MailboxTests {
    /// Longer than the time limit: a wait that nothing ends fails.
    private let ever = Duration.seconds(90)

    @Test func itemsAreTakenInTheOrderInWhichTheyWereLeft() {
        let mailbox = Mailbox<Int>(capacity: 10)
        for item in 1...3 { #expect(mailbox.post(item)) }
        #expect(mailbox.takeWaiting(atMost: 10) == [1, 2, 3])
        #expect(mailbox.takeWaiting(atMost: 10) == [])
    }

    @Test func noMoreIsTakenThanAskedFor() {
        let mailbox = Mailbox<Int>(capacity: 10)
        for item in 1...5 { _ = mailbox.post(item) }
        #expect(mailbox.takeWaiting(atMost: 2) == [1, 2])
        #expect(mailbox.take(atMost: 2, waiting: ever) == [3, 4])
        #expect(mailbox.take(atMost: 2, waiting: ever) == [5])
    }

    @Test func aFullMailboxRefusesWhatComesNext() {
        let mailbox = Mailbox<Int>(capacity: 2)
        #expect(mailbox.post(1))
        #expect(mailbox.post(2))
        #expect(!mailbox.post(3))
        #expect(mailbox.takeWaiting(atMost: 1) == [1])
        #expect(mailbox.post(4))
        #expect(mailbox.takeWaiting(atMost: 10) == [2, 4])
    }

    @Test func aClosedMailboxRefusesEverythingButGivesOutWhatWaits() {
        let mailbox = Mailbox<Int>(capacity: 2)
        _ = mailbox.post(1)
        mailbox.close()
        #expect(mailbox.isClosed)
        #expect(!mailbox.post(2))
        #expect(mailbox.take(atMost: 10, waiting: ever) == [1])
        #expect(mailbox.take(atMost: 10, waiting: ever) == [])
    }

    @Test func whoWaitsIsWokenByTheFirstItem() async {
        let mailbox = Mailbox<Int>(capacity: 10)
        async let taken = waiting { mailbox.take(atMost: 10, waiting: .seconds(90)) }
        #expect(mailbox.post(1))
        #expect(await taken == [1])
    }

    @Test func whoWaitsIsWokenByTheClosing() async {
        let mailbox = Mailbox<Int>(capacity: 10)
        async let taken = waiting { mailbox.take(atMost: 10, waiting: .seconds(90)) }
        mailbox.close()
        #expect(await taken == [])
    }

    @Test(arguments: 0..<30) func whoTakesNotAllThatWaitsWakesTheNext(_ round: Int) async {
        let mailbox = Mailbox<Int>(capacity: 10)
        let started = [WakeSignal(), WakeSignal()]
        func takeOne(_ thread: Int) async -> [Int] {
            await waiting {
                started[thread].raise()
                return mailbox.take(atMost: 1, waiting: .seconds(90))
            }
        }
        async let first = takeOne(0)
        async let second = takeOne(1)
        await waiting { for signal in started { signal.wait(atMost: .seconds(90)) } }
        _ = (mailbox.post(1), mailbox.post(2))
        #expect(await (first + second).sorted() == [1, 2])
    }

    /// In most of the rounds all three are asleep by then.
    @Test(arguments: 0..<20) func theClosingWakesEveryThread(_ round: Int) async {
        let mailbox = Mailbox<Int>(capacity: 10)
        await withTaskGroup { group in
            for _ in 0..<3 {
                let isWaiting = WakeSignal()
                group.addTask {
                    let taken = await waiting {
                        isWaiting.raise()
                        return mailbox.take(atMost: 1, waiting: .seconds(90))
                    }
                    #expect(taken == [])
                }
                await waiting { isWaiting.wait(atMost: .seconds(90)) }
            }
            mailbox.close()
        }
    }

    @Test func nothingIsLostOrDoubledBetweenManyCallersAndTwoThreads() async {
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

    /// Takes everything until the mailbox is closed, on a thread of its own.
    private func drain(_ mailbox: Mailbox<Int>) async -> [Int] {
        await waiting {
            var all: [Int] = []
            while true {
                let isClosed = mailbox.isClosed
                let taken = mailbox.take(atMost: 7, waiting: .seconds(90))
                if taken.isEmpty && isClosed { return all }
                all += taken
            }
        }
    }
}
