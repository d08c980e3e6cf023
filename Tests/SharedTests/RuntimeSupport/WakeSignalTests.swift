import Foundation
import RuntimeSupport
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct WakeSignalTests {
    @Test func aRaisedSignalEndsTheWaitAtOnce() {
        let signal = WakeSignal()
        signal.raise()
        signal.wait(atMost: .seconds(90))
    }

    @Test func aRaiseWakesAWaitingThread() async {
        let signal = WakeSignal()
        async let woken = onThread {
            signal.wait(atMost: .seconds(90))
            return true
        }
        signal.raise()
        #expect(await woken)
    }

    /// If the signal were still raised, the second wait would end before the flag is set.
    @Test(arguments: 0..<20) func aWaitLowersASignalThatWasRaisedManyTimes(_ round: Int) async {
        let (signal, isWaiting, flag) = (WakeSignal(), WakeSignal(), Box<Bool>())
        for _ in 0..<5000 { signal.raise() }
        signal.wait(atMost: .seconds(90))
        async let wasSet = onThread {
            isWaiting.raise()
            signal.wait(atMost: .seconds(90))
            return flag.value.withLock { $0 == true }
        }
        await onThread { isWaiting.wait(atMost: .seconds(90)) }
        flag.value.withLock { $0 = true }
        signal.raise()
        #expect(await wasSet)
    }

    @Test func aReadableSocketEndsTheWait() {
        let pipe = Pipe()
        pipe.fileHandleForWriting.write(Data([1]))
        WakeSignal().wait(orSockets: [pipe.fileHandleForReading.fileDescriptor], atMost: .seconds(90))
    }
}
