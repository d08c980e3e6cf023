import Broker
import Claims
import DeadLetters
import Foundation
import OrderedCollections
import Postgres
import RuntimeSupport
import Testing

extension IntegrationTests {
    /// Replayed claims are decided. None is lost, and none is decided twice.
    @Suite(.system(workers: 1, ["CLAIMS_RETRY_DELAYS_MS": "50,50,50"]), .checked)
    struct DeadLetterReplays {
        let system = System.current
        var api: API { system.api }

        @Test func aReplayDecidesClaimsOnceTheCauseIsFixed() async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("FIXED", amount: 3)
            let claims = try await FailureInjection.deadLetter(["a", "b", "c"], of: coupon, api)
            let report = try await DLQ.replay("--coupon", coupon)
            #expect(report.replayed == 3 && report.decidedAnew == 3 && report.claimed == 3)
            for id in claims {
                let claim = try await api.claim(id, wait: 10)
                #expect(claim.outcome == "claimed" && claim.attempts == 1, "with all its retries")
            }
            #expect(try RabbitMQ.dead().isEmpty)
            #expect(try await api.coupon(coupon).remainingAmount == 0)
        }

        @Test func aReplayedClaimThatFailsAgainKeepsItsHistory() async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("NOT_FIXED", amount: 3)
            let id = try await FailureInjection.deadLetter(["a"], of: coupon, api)[0]
            try FailureInjection.refuse("a")
            defer { try? FailureInjection.stop() }
            let report = try await DLQ.replay(id)
            #expect(report.replayed == 1 && report.failedAgain == 1)
            let message = try await RabbitMQ.deadLetter(id)
            let headers = message.properties.headers
            #expect(headers["attempts"]?.integer == 4 && headers["errors"]?.array?.count == 8)
            let replay = headers["replays"]?.array?.first?.table
            #expect(replay?["attempts"]?.integer == 4 && replay?["reason"]?.string == "database_error")
            #expect(replay?["by"]?.string?.isEmpty == false && replay?["at"]?.string?.hasSuffix("Z") == true)
            #expect(try await api.claim(id).outcome == "dead_lettered database_error")
        }

        @Test func aReplayedClaimIsPendingUntilItIsDecided() async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("AGAIN", amount: 3)
            let id = try await FailureInjection.deadLetter(["a"], of: coupon, api)[0]
            try system.program("worker-1").freeze()
            let report = try await DLQ.replay(id, "--wait", "0")
            #expect(report.replayed == 1 && report.pending == 1)
            let claim = try await api.claim(id)
            #expect(claim.outcome == "pending" && claim.attempts == 0 && claim.decidedAt == nil)
            #expect(claim.userId == "a" && claim.couponName == coupon)
            try Cache.send("FLUSHALL")
            #expect(try await api.claim(id).status == "pending", "also without Redis")
            try system.program("worker-1").thaw()
            #expect(try await api.claim(id, wait: 20).outcome == "claimed")
        }

        @Test func aPlanReplaysExactlyItsMessages() async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("PLAN", amount: 50)
            let planned = try DLQ.put(Array(10..<30), of: coupon)
            let plan = try await DLQ.document(
                DLQ.Plan.self, ["replay", "--coupon", coupon, "--dry-run"])
            #expect(plan.count == 20 && Set(plan.messages.map(\.id)) == Set(planned))
            #expect(try RabbitMQ.dead().count == 20, "a dry run changes nothing")
            let later = try DLQ.put(Array(0..<5), of: coupon)
            let again = try await DLQ.document(
                DLQ.Plan.self, ["replay", "--older-than", "9s", "--dry-run"])
            #expect(again.digest == plan.digest, "the same set has the same digest")
            #expect(
                try await claimctl("dlq", "discard", "--plan", plan.digest).code == 2, "the plan is not for a discard")
            let report = try await DLQ.replay("--plan", plan.digest)
            #expect(report.replayed == 20 && report.claimed == 20)
            #expect(try await DLQ.list().map(\.id) == later.reversed())
            #expect(
                try await claimctl("dlq", "replay", "--plan", plan.digest).code == 2,
                "all its messages have left the queue")
        }

        @Test func aRampStopsWhenAStepFails() async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("RAMP", amount: 200)
            try DLQ.put(Array(1...100), of: coupon)
            try FailureInjection.refuse("u50")
            // The oldest message and the next five succeed. Then one of fifty fails, which is below the threshold.
            let completed = try await DLQ.replay("--coupon", coupon, "--ramp")
            try FailureInjection.stop()
            #expect(completed.replayed == 100 && completed.claimed == 99)
            #expect(completed.failedAgain == 1 && completed.stopped == nil)
            try DLQ.put(Array(1...100), of: "\(coupon)_2")
            try Database.script("insert into coupons (name, amount, remaining_amount) values ('\(coupon)_2', 100, 100)")
            try FailureInjection.refuseAll()
            defer { try? FailureInjection.stop() }
            let stopped = try await DLQ.replay("--coupon", "\(coupon)_2", "--ramp", code: 1)
            #expect(stopped.replayed == 1 && stopped.failedAgain == 1)
            #expect(stopped.stopped?.contains("99 were left") == true)
        }

        @Test func aRepeatedlyKilledReplayLosesNothingAndDecidesNothingTwice() async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("BROKEN", amount: 900)
            let ids = try DLQ.put(Array(1...1500), of: coupon)
            var left = 1500
            for turn in 1...6 {
                let replay = try Program(
                    "claimctl", name: "replay-\(turn)",
                    arguments: ["dlq", "replay", "--all", "--yes", "--rate", "1000", "--wait", "0"])
                let before = left
                try await eventually("some to be replayed", within: .seconds(20), every: .milliseconds(2)) {
                    try Database.number(
                        "select count(*) from claims where id = any($1) and status <> 'dead_lettered'",
                        .texts(ids)) > 1500 - before + 50 || !replay.isRunning
                }
                replay.signal(SIGKILL)
                try await replay.end(within: .seconds(5))
                left = try RabbitMQ.dead().count
            }
            let rest = try await claimctl("dlq", "replay", "--all", "--yes")
            #expect(rest.code == 0 || rest.code == 2, "\(rest)")
            let claims = try await concurrently(ids) { try await api.claim($0, wait: 20) }
            #expect(claims.tally == ["claimed": 900, "rejected sold_out": 600])
            #expect(try RabbitMQ.dead().isEmpty)
            #expect(try await api.coupon(coupon).remainingAmount == 0)
        }

        @Test func replayingADecidedClaimChangesNothing() async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("TWICE", amount: 5)
            let ids = try DLQ.put([20, 10], of: coupon)
            let copies = try RabbitMQ.dead()
            #expect(try await DLQ.replay("--all", "--yes").claimed == 2)
            try DLQ.put(copies)
            let report = try await DLQ.replay("--all", "--yes")
            #expect(report.replayed == 2 && report.decidedBefore == 2 && report.decidedAnew == 0)
            #expect(try await api.coupon(coupon).remainingAmount == 3)
            #expect(try await ids.asyncMap { try await api.claim($0).status } == ["claimed", "claimed"])
        }

        @Test func aReplaySupersedesOlderMessagesOfTheSameClaim() async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("COPIES", amount: 5)
            try DLQ.put([60], of: coupon)
            let message = try #require(try RabbitMQ.dead().first)
            try DLQ.put([message.deadLettered(reason: "lock_held", at: .now())])
            let report = try await DLQ.replay("--all", "--yes")
            #expect(report.replayed == 1 && report.superseded == 1 && report.claimed == 1)
            #expect(try RabbitMQ.dead().isEmpty)
        }

        /// With a heartbeat of one second, the broker closes a connection that is silent during the pauses.
        @Test(.timeLimit(.minutes(2))) func aSlowReplayKeepsItsConnectionsAlive() async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("SLOW", amount: 5)
            try DLQ.put([30, 20, 10], of: coupon)
            let fingerprints = try RabbitMQ.dead().compactMap { CompactID($0.fingerprint) }
            let stores = try Setup.stores()
            let report = try await Task.detached {
                let session = OperatorSession(stores, operatorName: "tests", connectionName: "tests", heartbeat: 1)
                let replayer = try Replayer(session, options: .init(rate: 0.2, patience: .seconds(20)))
                return try replayer.run(fingerprints)
            }.value
            #expect(report.replayed == 3 && report.claimed == 3 && report.refused == 0)
            #expect(try RabbitMQ.dead().isEmpty)
        }

        /// A connection on which the broker has refused a message is replaced.
        @Test(.timeLimit(.minutes(2))) func aReplayGoesOnAfterARefusedMessage() async throws {
            try await DLQ.clear()
            await system.end { $0.name == "worker-1" }
            let full = try await api.coupon("FULL_LANE", amount: 5)
            let lane = try #require(CouponName(full)).lane(of: Setup.lanes)
            let free = try await api.coupon(outsideTheLaneOf: full)
            let ids = try DLQ.put([60, 55, 50], of: full) + DLQ.put([30, 20, 10], of: free)
            // A quorum queue refuses messages once it is over its limit. Not through the API, which would be refused too.
            let interrupted = try #require(try RabbitMQ.dead(ids[2]))
            try RabbitMQ.publish(
                .claim(try ClaimMessageCoder.shared.decode(interrupted.body), encodedBy: .shared), lane: lane)
            let fingerprints = try ids.filter { $0 != ids[2] }
                .compactMap { try RabbitMQ.dead($0).flatMap { CompactID($0.fingerprint) } }
            let stores = try Setup.stores()
            let (result, claims) = try await withoutRoom(inLane: lane) {
                let result = await Task.detached {
                    let session = OperatorSession(stores, operatorName: "tests", connectionName: "tests", heartbeat: 1)
                    let replayer = try Replayer(session, options: .init(rate: 1, patience: .zero))
                    let report = try replayer.run(fingerprints)
                    let ramp = try Replayer(session, options: .init(isRamp: true, patience: .zero))
                    return (report, try ramp.run(Array(fingerprints.prefix(2))))
                }.result
                // Once the lane is empty, the broker tells all publishers that it takes messages again. Without the policy it
                // would tell nobody, and refuse the next claim of the API.
                try await system.startWorker("fresh")
                return (result, try await ids.dropFirst(2).asyncMap { try await api.claim($0, wait: 20).status })
            }
            let (report, ramp) = try result.get()
            #expect(report.replayed == 3 && report.refused == 2)
            #expect(ramp.replayed == 0 && ramp.refused == 1 && ramp.stopped != nil, "it stops after the first step")
            #expect(claims == Array(repeating: "claimed", count: 4))
            let rest = try await DLQ.replay("--all", "--yes")
            #expect(rest.claimed == 2 && rest.decidedBefore == 1)
        }

        /// Makes a lane that has a message refuse further ones.
        private func withoutRoom<Value>(inLane lane: Int, _ body: () async throws -> Value) async throws -> Value {
            let virtualHost = try Setup.stores().brokers[0].virtualHost
            _ = try await rabbitmqctl(
                "set_policy", "-p", virtualHost, "full", "^claims[.]work[.]\(lane)$", #"{"max-length":0}"#,
                "--apply-to", "queues")
            let value: Value
            do {
                value = try await body()
            } catch {
                _ = try? await rabbitmqctl("clear_policy", "-p", virtualHost, "full")
                throw error
            }
            _ = try await rabbitmqctl("clear_policy", "-p", virtualHost, "full")
            return value
        }

        /// The cancel may have been dead-lettered before or after the claim.
        @Test(arguments: [90, 30]) func aCancelIsReplayedAfterTheOutcomeOfItsClaim(age: Int) async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("BOTH", amount: 5)
            let id = try DLQ.put([60], of: coupon)[0]
            let claim = try #require(try RabbitMQ.dead(id))
            try DLQ.put([try cancel(claim, age: age)])
            let report = try await DLQ.replay("--all", "--yes")
            #expect(report.replayed == 2 && report.superseded == 0 && report.waiting == 0)
            #expect(report.decidedAnew == 2 && report.claimed == 1 && report.cancelled == 1)
            #expect(try await api.claim(id).outcome == "cancelled")
            #expect(try await api.coupon(coupon).remainingAmount == 5)
            #expect(try RabbitMQ.dead().isEmpty)
        }

        @Test func aCancelStaysInTheQueueWhileItsClaimHasNoOutcome() async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("CANCEL_ONLY", amount: 5)
            let id = try DLQ.put([60], of: coupon)[0]
            let cancel = try cancel(try #require(try RabbitMQ.dead(id)), age: 30)
            try DLQ.put([cancel])
            let shown = try await claimctl("dlq", "show", cancel.fingerprint)
            #expect(shown.output.contains("replay the claim's message first"), "\(shown)")
            let report = try await DLQ.replay(cancel.fingerprint, code: 1)
            #expect(report.replayed == 0 && report.waiting == 1)
            #expect(try RabbitMQ.dead().count == 2, "both are where they were")
            #expect(try await api.claim(id).status == "dead_lettered", "the claim can still be replayed")
            // While no worker decides it, the claim is sent and the cancel is not.
            await system.end { $0.name == "worker-1" }
            let unawaited = try await DLQ.replay("--all", "--yes", "--wait", "0", code: 1)
            #expect(unawaited.replayed == 1 && unawaited.waiting == 1)
            try await system.startWorker("fresh")
            #expect(try await api.claim(id, wait: 20).outcome == "claimed")
            #expect(try await DLQ.replay(cancel.fingerprint).cancelled == 1)
            #expect(try await api.claim(id).outcome == "cancelled")
        }

        @Test func aCopyOfAClaimDoesNotReplaceItsCancel() async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("COPY_AND_CANCEL", amount: 5)
            let id = try DLQ.put([60], of: coupon)[0]
            let claim = try #require(try RabbitMQ.dead(id))
            #expect(try await DLQ.replay(id).claimed == 1)
            // The cancel is dead-lettered, and then a copy of the decided claim.
            try DLQ.put([try cancel(claim, age: 30), claim.deadLettered(reason: "lock_held", at: .now())])
            let report = try await DLQ.replay("--all", "--yes")
            #expect(report.replayed == 2 && report.cancelled == 1 && report.decidedBefore == 1)
            #expect(try await api.claim(id).outcome == "cancelled")
        }

        /// Returns the dead letter of a cancel of a dead-lettered claim.
        private func cancel(_ message: BrokerMessage, age: Int) throws -> BrokerMessage {
            var claim = try ClaimMessageCoder.shared.decode(message.body)
            claim.action = .cancel
            let died = Timestamp(milliseconds: Timestamp.now().milliseconds - Int64(age) * 1000)
            return BrokerMessage.claim(claim, encodedBy: .shared).deadLettered(reason: "database_error", at: died)
        }

        @Test func aMessageDeadLetteredByTheBrokerAfterARetryHasTheReasonOfTheLastDeath() async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("RETRIED", amount: 5)
            await system.end { $0.name == "worker-1" }
            let id = try await api.submit("u1", coupon).id
            let lane = try #require(CouponName(coupon)).lane(of: Setup.lanes)
            // The delay of a retry has ended before.
            let consumer = try RabbitMQ.connection()
            try consumer.consume("claims.work.\(lane)", prefetch: 1, channel: 1)
            guard case .delivered(let delivery, _)? = try consumer.nextEvent(atMost: .seconds(5)) else {
                throw TestFailure(description: "the lane is empty")
            }
            var retried = delivery.message
            retried.properties.expiration = "1"
            let publisher = try RabbitMQ.connection()
            try publisher.selectConfirms(channel: 1)
            try publisher.publish(retried, exchange: "claims.retry.0", routingKey: "\(lane)", channel: 1)
            _ = try publisher.nextEvent(atMost: .seconds(5))
            try consumer.acknowledge(delivery.tag, multiple: false, channel: 1)
            guard case .delivered? = try consumer.nextEvent(atMost: .seconds(5)) else {
                throw TestFailure(description: "the message does not come back")
            }
            consumer.close()
            for _ in 1...21 {
                let connection = try RabbitMQ.connection()
                try connection.consume("claims.work.\(lane)", prefetch: 1, channel: 1)
                _ = try connection.nextEvent(atMost: .seconds(5))
            }
            let dead = try await RabbitMQ.deadLetter(id)
            #expect(dead.properties.headers["x-first-death-reason"]?.string == "expired")
            #expect(try await DLQ.list().first { $0.id == id }?.reason == "delivery_limit")
            try await system.startWorker("fresh")
            try await eventually("the claim to be dead-lettered") {
                try await api.claim(id).outcome == "dead_lettered delivery_limit"
            }
            #expect(try await DLQ.replay(id).claimed == 1)
        }

        @Test func aMessageDeadLetteredByTheBrokerIsReplayedWithAllItsRetries() async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("LIMIT", amount: 5)
            await system.end { $0.name == "worker-1" }
            let id = try await api.submit("u1", coupon).id
            let lane = try #require(CouponName(coupon)).lane(of: Setup.lanes)
            for _ in 1...21 {
                let connection = try RabbitMQ.connection()
                try connection.consume("claims.work.\(lane)", prefetch: 1, channel: 1)
                _ = try connection.nextEvent(atMost: .seconds(5))
            }
            try await eventually("the message in claims.dead") { try RabbitMQ.dead(id) }
            try await system.startWorker("fresh")
            try await eventually("the claim to be dead-lettered") { try await api.claim(id).status == "dead_lettered" }
            let line = try #require(try await DLQ.list().first { $0.id == id })
            #expect(line.reason == "delivery_limit" && line.diedAt != nil)
            #expect(try await DLQ.replay(id).claimed == 1)
        }

        @Test(arguments: [
            ["replay"], ["replay", "--all"], ["replay", "--all", "--reason", "x", "--yes"],
            ["replay", "x", "--user", "y"],
            ["replay", "--plan", "x", "--dry-run"], ["replay", "x", "--rate", "0"], ["replay", "--older-than", "soon"],
            ["discard"], ["discard", "--all"], ["discard", "x", "--note", ""], ["list", "--limit", "0"], ["export"],
            ["edit", "x"], ["watch"], ["show"], ["stats", "--top", "0"], ["restore"], ["list", "--coupon", "!"],
        ])
        func ambiguousArgumentsAreRefused(arguments: [String]) async throws {
            let result = try await Program.run("claimctl", ["dlq"] + arguments)
            #expect(result.code == 64 && !result.errors.isEmpty && result.output.isEmpty, "\(result)")
        }

        @Test func withoutAMatchTheExitCodeIs2() async throws {
            for arguments in [
                ["replay", "nobody"], ["replay", "--reason", "none"], ["discard", "nobody"], ["show", "nobody"],
                ["restore", "nobody"], ["edit", "nobody", "--body", "/dev/null"], ["replay", "nobody", "--dry-run"],
                ["replay", "--plan", "nothing"],
            ] {
                let result = try await Program.run("claimctl", ["dlq"] + arguments)
                #expect(result.code == 2 && result.output.isEmpty && !result.errors.isEmpty, "\(arguments): \(result)")
            }
        }
    }
}
