import Foundation
import Testing

@testable import Broker

@Suite struct SendWatchdogTests {
    /// Returns two connected sockets.
    private func socketPair() throws -> (near: Int32, far: Int32) {
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        return (ends[0], ends[1])
    }

    @Test func anOverdueSendEndsWithAnError() throws {
        let (near, far) = try socketPair()
        defer { [near, far].forEach { close($0) } }
        let watchdog = SendWatchdog(limit: .zero)
        // Another thread checks until the send has failed.
        let checks = Thread { while !watchdog.check() {} }
        checks.start()
        let bytes = [UInt8](repeating: 0, count: 1 << 16)
        let sent = try watchdog.watch(near) { () throws(BrokerError) in
            var sent = 1
            // The far end reads nothing, so a send blocks once the buffer is full.
            while sent > 0 { sent = send(near, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }
            return sent
        }
        #expect(sent == -1)
    }

    @Test func aShortSendIsLeftAlone() throws {
        let (near, far) = try socketPair()
        defer { [near, far].forEach { close($0) } }
        let watchdog = SendWatchdog(limit: .seconds(5))
        try watchdog.watch(near) { () throws(BrokerError) in #expect(!watchdog.check()) }
        #expect(!watchdog.check(now: .now + .seconds(60)), "nothing is being sent")
        #expect(send(near, "x", 1, 0) == 1)
    }

    @Test func aSendIsOverdueAtItsLimit() throws {
        let (near, far) = try socketPair()
        defer { [near, far].forEach { close($0) } }
        let watchdog = SendWatchdog(limit: .seconds(5))
        try watchdog.watch(near) { () throws(BrokerError) in
            #expect(watchdog.check(now: .now + .seconds(5)))
            #expect(!watchdog.check(now: .now + .seconds(5)), "a socket is shut down once")
        }
    }
}
