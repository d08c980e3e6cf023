import RuntimeSupport
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct StopSignalTests {
    private struct ConnectionLost: Error {}

    @Test func aRequestedStopEndsEveryWait() {
        let stop = StopSignal()
        #expect(!stop.isRequested)
        stop.request()
        stop.request()
        #expect(stop.isRequested)
        for _ in 0..<3 { stop.wait(atMost: .seconds(90)) }
    }

    @Test func aStopWakesAWaitingThread() async {
        let stop = StopSignal()
        async let wasRequested = onThread {
            stop.wait(atMost: .seconds(90))
            return stop.isRequested
        }
        stop.request()
        #expect(await wasRequested)
    }

    /// In most rounds all three threads are blocked when the stop is requested.
    @Test(arguments: 0..<20) func aStopWakesAllThreads(_ round: Int) async {
        let stop = StopSignal()
        await withTaskGroup { group in
            for _ in 0..<3 {
                let isWaiting = WakeSignal()
                group.addTask {
                    await onThread {
                        isWaiting.raise()
                        stop.wait(atMost: .seconds(90))
                    }
                    #expect(stop.isRequested)
                }
                await onThread { isWaiting.wait(atMost: .seconds(90)) }
            }
            stop.request()
        }
    }

    @Test func workIsRetriedUntilTheStop() {
        let stop = StopSignal()
        var attempts = 0
        var failures = 0
        stop.retrying { _ in
            attempts += 1
            if attempts == 4 { stop.request() }
            throw ConnectionLost()
        } onFailure: { error, pause in
            failures += 1
            #expect(error is ConnectionLost)
            #expect(pause <= .seconds(2))
        }
        #expect(attempts == 4)
        #expect(failures == 4)
    }

    @Test func aConnectionResetsTheBackoff() {
        let stop = StopSignal()
        var pauses: [Duration] = []
        stop.retrying { connected in
            connected()
            throw ConnectionLost()
        } onFailure: { _, pause in
            pauses.append(pause)
            if pauses.count == 8 { stop.request() }
            stop.wake.raise()
        }
        #expect(pauses.allSatisfy { $0 <= .milliseconds(50) })
    }

    @Test func workIsNotStartedAfterTheStop() {
        let stop = StopSignal()
        stop.request()
        stop.retrying { _ in
            Issue.record("work was started")
        } onFailure: { _, _ in
        }
    }

    @Test func cancellationStopsTheThread() async {
        let stop = StopSignal()
        let started = WakeSignal()
        let task = Task {
            await BlockingThread.run(name: "test", until: stop) {
                started.raise()
                while !stop.isRequested { stop.wait(atMost: .seconds(90)) }
            }
        }
        await onThread { started.wait(atMost: .seconds(90)) }
        task.cancel()
        await task.value
        #expect(stop.isRequested)
    }
}
