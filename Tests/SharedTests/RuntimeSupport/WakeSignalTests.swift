import Foundation
import RuntimeSupport
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct WakeSignalTests {
    @Test func aSignalThatWasRaisedBeforeEndsTheWaitAtOnce() {
        let signal = WakeSignal()
        signal.raise()
        signal.wait(atMost: .seconds(90))
    }

    @Test func whoWaitsIsWoken() async {
        let signal = WakeSignal()
        async let woken = waiting {
            signal.wait(atMost: .seconds(90))
            return true
        }
        signal.raise()
        #expect(await woken)
    }

    /// Were it still raised, the thread would pass its second wait before the word is given.
    @Test(arguments: 0..<20) func aWaitLowersTheSignalHoweverOftenItWasRaised(_ round: Int) async {
        let (signal, isWaiting, word) = (WakeSignal(), WakeSignal(), Box<Bool>())
        for _ in 0..<5000 { signal.raise() }
        signal.wait(atMost: .seconds(90))
        async let wasGiven = waiting {
            isWaiting.raise()
            signal.wait(atMost: .seconds(90))
            return word.value.withLock { $0 == true }
        }
        await waiting { isWaiting.wait(atMost: .seconds(90)) }
        word.value.withLock { $0 = true }
        signal.raise()
        #expect(await wasGiven)
    }

    @Test func aSocketWithSomethingToReadEndsTheWait() {
        let pipe = Pipe()
        pipe.fileHandleForWriting.write(Data([1]))
        WakeSignal().wait(orSockets: [pipe.fileHandleForReading.fileDescriptor], atMost: .seconds(90))
    }

    @Test(
        arguments: [
            (.zero, 0), (.milliseconds(1), 1), (.nanoseconds(1), 1), (.microseconds(1500), 2), (.seconds(2), 2000),
            (.seconds(-5), 0), (.seconds(1 << 40), .max),
        ] as [(Duration, Int32)])
    func aDurationIsRoundedUpToWholeMilliseconds(_ duration: Duration, _ milliseconds: Int32) {
        #expect(duration.wholeMilliseconds == milliseconds)
    }

    @Test func aDurationIsGivenInSeconds() {
        #expect(Duration.milliseconds(1500).inSeconds == 1.5)
        #expect(Duration.milliseconds(-250).inSeconds == -0.25)
    }
}
