import Claims
import Foundation
import NIOCore
import NIOHTTP1
import RuntimeSupport
import Synchronization
import Testing

extension IntegrationTests {
    /// Event streams and positions of pending claims.
    @Suite(.system(workers: 1, ["CLAIMS_RETRY_DELAYS_MS": "300,300,300"]), .checked)
    struct EventStreams {
        let system = System.current
        var api: API { system.api }

        @Test func aFinalClaimIsOneEventAndEndsTheStream() async throws {
            let coupon = try await api.coupon("FINAL", amount: 1)
            let claim = try await api.submit("u1", coupon)
            _ = try await api.claim(claim.id, wait: 10)
            let events = try await api.events(claim.id)
            #expect(events.headers.first(name: "Content-Type") == "text/event-stream")
            #expect(events.headers.first(name: "Cache-Control") == "no-store")
            var blocks: [Events.Block] = []
            for try await block in events { blocks.append(block) }
            guard case .event("claim", let id?, let data) = blocks.first, blocks.count == 1 else {
                throw TestFailure(description: "\(blocks)")
            }
            let shown = try JSONSerialization.jsonObject(with: try await api.get("/claims/\(claim.id)").body)
            let sent = try JSONSerialization.jsonObject(with: Data(data.utf8))
            #expect(sent as? NSDictionary == shown as? NSDictionary, "the same as GET /claims/{id}")
            let again = try await api.get("/claims/\(claim.id)/events", ("Last-Event-ID", id))
            #expect(again.status == 204, "a browser does not reconnect after 204")
        }

        @Test func aPendingClaimIsSentAtOnceAndItsOutcomeEndsTheStream() async throws {
            let coupon = try await api.coupon("FOLLOW", amount: 1)
            let worker = try system.program("worker-1")
            worker.freeze()
            let id = try await api.submit("u1", coupon).id
            let claims = try await api.follow(id) { claim in
                if claim.status == "pending" { worker.thaw() }
            }
            #expect(claims.first?.outcome == "pending" && claims.first?.userId == "u1")
            #expect(claims.last?.outcome == "claimed")
        }

        @Test func everyProcessIsNotifiedOfEveryClaim() async throws {
            let other = try await system.startAPI("api-2", port: Setup.httpPort + 1)
            let coupon = try await api.coupon("BOTH", amount: 1)
            let worker = try system.program("worker-1")
            worker.freeze()
            let id = try await api.submit("u1", coupon).id
            let waiting = Mutex(0)
            let streams = try await concurrently([api, other, api, other]) { api in
                try await api.follow(id) { claim in
                    if claim.status == "pending",
                        waiting.withLock({
                            $0 += 1; return $0 == 4
                        })
                    {
                        worker.thaw()
                    }
                }
            }
            #expect(streams.allSatisfy { $0.last?.outcome == "claimed" })
        }

        @Test func eachFailedAttemptIsAnEvent() async throws {
            let coupon = try await api.coupon("ATTEMPTS", amount: 1)
            try FailureInjection.refuse("unlucky")
            defer { try? FailureInjection.stop() }
            let worker = try system.program("worker-1")
            worker.freeze()
            let id = try await api.submit("unlucky", coupon).id
            let claims = try await api.follow(id) { _ in worker.thaw() }
            var attempts = claims.compactMap(\.attempts)
            attempts = attempts.indices.filter { $0 == 0 || attempts[$0] != attempts[$0 - 1] }.map { attempts[$0] }
            #expect(attempts == [0, 1, 2, 3, 4])
            #expect(claims.last?.outcome == "dead_lettered database_error")
            #expect(claims.dropLast().allSatisfy { $0.status == "pending" })
        }

        @Test func theOutcomeArrivesWithinMilliseconds() async throws {
            let coupon = try await api.coupon("FAST", amount: 100)
            let worker = try system.program("worker-1")
            var delays: [Int64] = []
            for round in 0..<31 {
                worker.freeze()
                let id = try await api.submit("u\(round)", coupon).id
                let heard = Mutex(Timestamp.now())
                let claims = try await api.follow(id) { claim in
                    if claim.status == "pending" { worker.thaw() } else { heard.withLock { $0 = .now() } }
                }
                let decided = try #require(claims.last?.decidedAt.flatMap(Timestamp.init))
                delays.append(heard.withLock { $0.milliseconds } - decided.milliseconds)
            }
            #expect(delays.sorted()[15] < 50, "\(delays)")
        }

        @Test func aStreamSendsSomethingAtLeastEvery15Seconds() async throws {
            let coupon = try await api.coupon("SILENT", amount: 1)
            let worker = try system.program("worker-1")
            worker.freeze()
            let id = try await api.submit("u1", coupon).id
            var last = ContinuousClock.now
            var comments = 0
            var iterator = try await api.events(id).makeAsyncIterator()
            while comments < 3, let block = try await iterator.next() {
                #expect(ContinuousClock.now - last < .seconds(15))
                last = .now
                if block == .comment { comments += 1 }
            }
            #expect(comments == 3)
            worker.thaw()
        }

        /// Redis refuses the notifications, so that only polling finds the outcome.
        @Test(arguments: [["-publish"], ["-publish", "-hset"]])
        func theOutcomeIsFoundWithoutANotification(lost: [String]) async throws {
            let coupon = try await api.coupon("LOST", amount: 2)
            let worker = try system.program("worker-1")
            worker.freeze()
            let ids = try await ["u1", "u2"].asyncMap { try await api.submit($0, coupon).id }
            defer { _ = try? Cache.send("ACL", "SETUSER", "default", "+@all") }
            async let polled = api.claim(ids[1], wait: 30)
            let claims = try await api.follow(ids[0]) { claim in
                guard claim.status == "pending", claim.attempts == 0 else { return }
                for rule in lost { _ = try? Cache.send("ACL", "SETUSER", "default", rule) }
                worker.thaw()
            }
            #expect(claims.last?.outcome == "claimed")
            #expect(try await polled.outcome == "claimed", "long polls are polled as well")
        }

        @Test func openStreamsSurviveARestartOfRedis() async throws {
            let coupon = try await api.coupon("RESTART", amount: 50)
            let worker = try system.program("worker-1")
            worker.freeze()
            let ids = try await (0..<50).asyncMap { try await api.submit("u\($0)", coupon).id }
            let waiting = Mutex(0)
            async let streams = concurrently(ids) { id in
                try await api.follow(id) { claim in
                    if claim.status == "pending" { waiting.withLock { $0 += 1 } }
                }
            }
            try await eventually("all streams to be open") { waiting.withLock { $0 } >= 50 }
            try await Server.redis.kill9()
            worker.thaw()
            try await Server.redis.start()
            for claims in try await streams {
                #expect(claims.last?.outcome == "claimed")
                #expect(claims.allSatisfy { $0.couponName == coupon }, "known fields are kept")
            }
        }

        @Test func aStreamStaysOpenDuringAnOutageOfAllStores() async throws {
            let coupon = try await api.coupon("OUTAGE", amount: 1)
            let worker = try system.program("worker-1")
            worker.freeze()
            let id = try await api.submit("u1", coupon).id
            async let claims = api.follow(id)
            try await eventually("the stream to be open") { try await watches() == 1 }
            try await Server.redis.kill9()
            try await Server.postgres.kill9()
            let unknown = try await api.get("/claims/\(id)/events")
            #expect(unknown.status == 503 && unknown.code == "store_unavailable", "\(unknown)")
            try await Server.postgres.start()
            try await Server.redis.start()
            worker.thaw()
            #expect(try await claims.last?.outcome == "claimed")
            // The connections to the stores are restored one by one.
            try await system.recover()
        }

        @Test func aDisconnectedClientLeavesNoWatchAndNoConnection() async throws {
            let coupon = try await api.coupon("GONE", amount: 1)
            let worker = try system.program("worker-1")
            worker.freeze()
            let id = try await api.submit("u1", coupon).id
            let before = try openFiles()
            let clients = (0..<100).map { _ in Task { try await api.follow(id) } }
            try await eventually("all streams to be open") { try await watches() == 100 }
            clients.forEach { $0.cancel() }
            try await eventually("all watches to end") { try await watches() == 0 }
            try await eventually("all connections to be closed") { try openFiles() < before + 20 }
            worker.thaw()
        }

        @Test func shuttingDownEndsAllStreams() async throws {
            let other = try await system.startAPI("api-2", port: Setup.httpPort + 1)
            let coupon = try await api.coupon("SHUTDOWN", amount: 1)
            let worker = try system.program("worker-1")
            worker.freeze()
            let id = try await api.submit("u1", coupon).id
            async let streams = concurrently(Array(0..<50)) { _ in try await other.follow(id) }
            try await eventually("all streams to be open") { try await watches(of: other) == 50 }
            let program = try system.program("api-2")
            program.signal(SIGTERM)
            #expect(try await program.end(within: .seconds(5)) == 0)
            #expect(try await streams.allSatisfy { $0.last?.status == "pending" })
            worker.thaw()
        }

        @Test func anAcceptFieldWithoutEventsIsRefused() async throws {
            let coupon = try await api.coupon("ASKED", amount: 1)
            let worker = try system.program("worker-1")
            worker.freeze()
            let id = try await api.submit("u1", coupon).id
            let refused = try await api.get("/claims/\(id)/events", ("Accept", "application/json"))
            #expect(refused.status == 406 && refused.code == "not_acceptable", "\(refused)")
            let unknown = try await api.get("/claims/\(String(repeating: "0", count: 40))/events")
            #expect(unknown.status == 404 && unknown.code == "claim_not_found", "\(unknown)")
            let head = try await api.send("HEAD", "/claims/\(id)/events", within: .seconds(5))
            #expect(head.status == 200 && head.header("Content-Type") == "text/event-stream")
            #expect(try await watches() == 0, "a HEAD request opens no watch")
            worker.thaw()
        }

        @Test(.timeLimit(.minutes(4)))
        func tenThousandStreamsNeedLessThan500MiB() async throws {
            // Fewer where the limit of open files is lower. This process and ClaimAPI need one each.
            let count = min(10_000, RuntimeSupport.Process.allowManyConnections() - 1000)
            let other = try await system.startAPI("api-2", port: Setup.httpPort + 1)
            let coupon = try await api.coupon("MANY", amount: 1000)
            let worker = try system.program("worker-1")
            worker.freeze()
            let ids = try await concurrently(Array(0..<1000)) { try await api.submit("u\($0)", coupon).id }
            let sockets = try (0..<count).map { number in
                try RawStream(port: other.port, path: "/claims/\(ids[number % 1000])/events")
            }
            try await eventually("all streams to be open", within: .seconds(60)) {
                try await watches(of: other) == count
            }
            let status = try String(contentsOfFile: "/proc/\(try system.program("api-2").pid)/status", encoding: .utf8)
            let resident = status.firstMatch(of: /VmRSS:\s+(\d+) kB/).flatMap { Int($0.1) }
            #expect(try #require(resident) < 500 * 1024, "KiB")
            worker.thaw()
            try await eventually("all streams to end", within: .seconds(60)) {
                try await watches(of: other) == 0
            }
            for socket in sockets { #expect(socket.rest().contains(#""status":"claimed""#)) }
        }

        // MARK: Positions

        @Test func aPendingClaimHasItsPositionInTheLane() async throws {
            let coupon = try await api.coupon("POSITION", amount: 100)
            let before = try await api.outcomes((0..<20).map { API.Order(user: "before-\($0)", coupon: coupon) })
            #expect(before.allSatisfy { $0.position == nil && $0.estimatedSeconds == nil })
            let worker = try system.program("worker-1")
            worker.freeze()
            let ids = try await (0..<30).asyncMap { try await api.submit("u\($0)", coupon).id }
            let waiting = try await ids.asyncMap { try await api.claim($0) }
            #expect(waiting.map(\.position) == Array(1...30))
            #expect(try #require(waiting[29].estimatedSeconds) >= 1)
            let again = try await api.post(API.Order(user: "u3", coupon: coupon))
            let last = try again.decoded(Claim.self)
            #expect(try await api.claim(last.id).position == 31)
            worker.thaw()
            for claim in try await ids.asyncMap({ try await api.claim($0, wait: 20) }) {
                #expect(claim.outcome == "claimed" && claim.position == nil && claim.estimatedSeconds == nil)
            }
            let next = try await api.submit("next", coupon, key: "next-\(coupon)")
            _ = try await api.claim(next.id, wait: 20)
            worker.freeze()
            _ = try await api.submit("next", coupon, key: "next-\(coupon)")
            let alone = try await api.submit("alone", coupon)
            #expect(try await api.claim(alone.id).position == 1, "decided claims have left the lane")
            worker.thaw()
        }

        @Test func anUnknownPositionIsNull() async throws {
            let coupon = try await api.coupon("WIPED_LINE", amount: 100)
            let first = try await api.submit("first", coupon)
            _ = try await api.claim(first.id, wait: 10)
            let worker = try system.program("worker-1")
            worker.freeze()
            _ = try await (0..<10).asyncMap { try await api.submit("u\($0)", coupon) }
            try Cache.send("FLUSHALL")
            let behind = try await api.submit("behind", coupon)
            #expect(try await api.claim(behind.id).position == nil, "the ten claims before it are not counted")
            worker.thaw()
            #expect(try await api.claim(behind.id, wait: 20).outcome == "claimed")
            let after = try await api.submit("after", coupon)
            _ = try await api.claim(after.id, wait: 20)
            worker.freeze()
            let next = try await api.submit("next", coupon)
            #expect(try await api.claim(next.id).position == 1)
            worker.thaw()
        }

        // MARK: Helpers

        /// Returns the number of open streams and long polls of a process.
        private func watches(of other: API? = nil) async throws -> Int {
            let text = try await (other ?? api).get("/metrics").text
            return text.firstMatch(of: /\nclaims_watches (\d+)/).flatMap { Int($0.1) } ?? 0
        }

        private func openFiles() throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/\(try system.program("api").pid)/fd").count
        }
    }
}

/// A connection with a sent request and an unread response.
private final class RawStream {
    private let socket: Int32

    init(port: Int, path: String) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        let request = "GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        guard isConnected, write(socket, request, request.utf8.count) == request.utf8.count else {
            throw TestFailure(description: "connection refused: errno \(errno)")
        }
    }

    deinit { close(socket) }

    /// Returns the rest of the response.
    func rest() -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 8192)
        while true {
            let count = read(socket, &buffer, buffer.count)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }
}
