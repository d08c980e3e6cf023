import Broker
import Claims
import Foundation
import Testing

extension IntegrationTests {
    /// The dead-letter queue, keys and the audit trail over HTTP.
    @Suite(.system(workers: 1, ["CLAIMS_RETRY_DELAYS_MS": "50,50,50"]), .checked)
    struct DeadLetterAPI {
        let system = System.current
        var api: API { system.api }

        private struct Page: Decodable {
            struct Message: Decodable { let id, fingerprint: String }
            let messages: [Message]
            let nextCursor: String?
            let matching: Int?
            let total: Int
            let complete: Bool
        }
        private struct Plan: Decodable {
            let plan: String
            let count: Int
        }
        private struct Job: Decodable {
            struct Failure: Decodable { let code: String }
            struct Result: Decodable { let replayed, discarded, restored, claimed: Int? }
            let id, state: String
            let result: Result?
            let error: Failure?
            let endedAt: String?
        }

        /// Carries out a change, and returns its job when it has ended.
        private func run(_ body: String) async throws -> Job {
            let answer = try await api.post("/dlq/jobs", json: body)
            try #require(answer.status == 202, "\(answer)")
            let job = try answer.decoded(Job.self)
            #expect(answer.header("Location") == "/dlq/jobs/\(job.id)")
            return try await eventually("the end of the job") {
                let job = try await api.get("/dlq/jobs/\(job.id)").decoded(Job.self)
                return job.endedAt == nil ? nil : job
            }
        }

        private func plan(_ body: String) async throws -> Plan {
            let answer = try await api.post("/dlq/plans", json: body)
            try #require(answer.status == 201, "\(answer)")
            return try answer.decoded(Plan.self)
        }

        @Test func aListIsPagedFilteredAndTheSameAsClaimctls() async throws {
            try await DLQ.clear()
            let ids = try DLQ.put((1...25).map { 1000 - $0 }, of: "PAGED")
            var (found, cursor) = ([String](), "")
            repeat {
                let page = try await api.get("/dlq?limit=10&fresh=true\(cursor)").decoded(Page.self)
                #expect(page.matching == 25 && page.total == 25)
                found += page.messages.map(\.id)
                cursor =
                    page.nextCursor.map {
                        "&cursor=\($0.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? $0)"
                    } ?? ""
            } while !cursor.isEmpty
            #expect(found == ids)
            #expect(try await DLQ.list().map(\.id) == found)
            #expect(try await api.get("/dlq?coupon_name=other").decoded(Page.self).matching == 0)
            #expect(try await api.get("/dlq?coupon_name=paged").decoded(Page.self).matching == 25)
            #expect(try await api.get("/dlq/messages/\(ids[3])").status == 200)
            #expect(try await api.get("/dlq/messages/nothing").code == "nothing_matched")
            try await DLQ.clear()
        }

        @Test func theFirstMessagesOfALongQueueAreListedWhileItIsRead() async throws {
            try await DLQ.clear()
            // A snapshot of earlier messages that took long to read could be shown for longer than a second.
            #expect(try await api.get("/dlq?fresh=true").decoded(Page.self).total == 0)
            let ids = try DLQ.put((1...10_000).map { 20_000 - $0 }, of: "LONG")
            let partial = try await eventually("a list of the long queue") {
                let page = try await api.get("/dlq?partial=true&limit=10").decoded(Page.self)
                return page.total == 0 ? nil : page
            }
            #expect(!partial.complete && partial.matching == nil && partial.total == ids.count)
            #expect(partial.messages.count == 10 && Set(partial.messages.map(\.id)).isSubset(of: ids))
            let complete = try await api.get("/dlq?limit=10").decoded(Page.self)
            #expect(complete.complete && complete.matching == ids.count && complete.total == ids.count)
            #expect(complete.messages.map(\.id) == Array(ids.prefix(10)))
            #expect(try await api.get("/dlq?partial=true&limit=10").decoded(Page.self).complete)
            try await DLQ.clear()
        }

        @Test func aPlanIsReplayedExactlyAndRecorded() async throws {
            try await DLQ.clear()
            let coupon = try await api.coupon("PLANNED", amount: 10)
            let ids = try await FailureInjection.deadLetter(["a", "b", "c"], of: coupon, api)
            let plan = try await plan(#"{"action": "replay", "ids": ["\#(ids[0])", "\#(ids[1])"]}"#)
            #expect(plan.count == 2)
            let job = try await run(#"{"action": "replay", "plan": "\#(plan.plan)"}"#)
            #expect(job.state == "done" && job.result?.replayed == 2 && job.result?.claimed == 2)
            #expect(try await api.claim(ids[0], wait: 10).status == "claimed")
            #expect(try await api.claim(ids[2]).status == "dead_lettered")
            // Carried out again, it finds nothing.
            let again = try await run(#"{"action": "replay", "plan": "\#(plan.plan)"}"#)
            #expect(again.state == "failed" && again.error?.code == "nothing_matched")
            let log = try await api.get("/log?limit=2")
            #expect(log.text.contains("dlq.replay") && log.text.contains(plan.plan))
            let timeline = try await api.get("/claims/\(ids[2])/timeline")
            #expect(timeline.text.contains("attempt_failed") && timeline.text.contains("claim refused by the test"))
            let discard = try await self.plan(#"{"action": "discard", "filter": {"coupon_name": "\#(coupon)"}}"#)
            let discarded = try await run(#"{"action": "discard", "plan": "\#(discard.plan)", "note": "test"}"#)
            #expect(discarded.result?.discarded == 1)
            #expect(try await api.claim(ids[2]).outcome == "discarded test")
            #expect(try await api.get("/dlq/discarded").text.contains(ids[2]))
            let restored = try await run(#"{"action": "restore", "ids": ["\#(ids[2])"]}"#)
            #expect(restored.result?.restored == 1)
            let edited = try await run(
                #"{"action": "edit", "id": "\#(ids[2])", "body": {"user_id": "c", "coupon_name": "\#(coupon)"}}"#)
            #expect(edited.state == "done", "\(edited)")
            #expect(try await api.claim(ids[2], wait: 10).status == "claimed")
        }

        @Test func aPageOfAnotherSiteCanChangeNothing() async throws {
            let json = [("Content-Type", "application/json"), ("Sec-Fetch-Site", "cross-site")]
            for (method, path) in [
                ("POST", "/keys"), ("DELETE", "/keys/x"), ("POST", "/keys/x/rotate"), ("POST", "/dlq/plans"),
                ("POST", "/dlq/jobs"), ("POST", "/coupons"), ("POST", "/claims"), ("POST", "/claims/x/cancel"),
            ] {
                #expect(try await api.send(method, path, headers: json, body: "{}").code == "forbidden", "\(path)")
            }
            // A page whose host name resolves to 127.0.0.1.
            #expect(try await api.send("GET", "/keys", headers: [("Host", "evil.example")]).code == "forbidden")
            #expect(try await api.send("GET", "/healthz", headers: [("Host", "evil.example")]).status == 200)
        }

        @Test func anAuditIsAJobWithAResult() async throws {
            let coupon = try await api.coupon("AUDITED", amount: 1)
            _ = try await api.outcomes(["ann", "bob"].map { API.Order(user: $0, coupon: coupon) })
            let started = try await api.send("POST", "/audits")
            try #require(started.status == 202, "\(started)")
            struct Audit: Decodable {
                struct Result: Decodable {
                    let violations: [[String: String]]
                    let claims: Int
                }
                let id, state: String
                let result: Result?
                let endedAt: String?
            }
            let path = try #require(started.header("Location"))
            let audit = try await eventually("the end of the audit") {
                let audit = try await api.get(path).decoded(Audit.self)
                return audit.endedAt == nil ? nil : audit
            }
            #expect(audit.state == "done" && audit.result?.violations.isEmpty == true)
            #expect(try #require(audit.result).claims >= 2)
            #expect(try await api.get("/dlq/jobs/\(audit.id)").code == "job_not_found")
        }

        @Test func aRequestDoesNotWaitForeverForAnotherOperator() async throws {
            let connection = try AMQPConnection(anyOf: try Setup.stores().brokers, heartbeat: 60, name: "operator")
            defer { connection.close() }
            try connection.openChannel(1)
            try await eventually("the lock") {
                if try connection.declareExclusiveQueue(Topology.deadQueueLock, channel: 1) { return true }
                try connection.openChannel(1)
                return false
            }
            let answers = try await concurrently(["/dlq?fresh=true", "/dlq/messages/x"]) { [api] path in
                try await api.get(path)
            }
            #expect(answers.map(\.status) == [503, 503] && answers.allSatisfy { $0.code == "overloaded" })
            #expect(answers.allSatisfy { $0.text.contains("Another operator") })
        }

        @Test func aKeyIsCreatedOnceListedRotatedAndRevoked() async throws {
            struct Key: Decodable { let id, key: String }
            let created = try await api.post("/keys", json: #"{"name": "shop", "scopes": ["claims:read"]}"#)
            #expect(created.status == 201 && created.header("Cache-Control") == "no-store")
            let key = try created.decoded(Key.self)
            let list = try await api.get("/keys")
            #expect(list.text.contains(key.id) && !list.text.contains(key.key))
            let rotated = try await api.post("/keys/\(key.id)/rotate", json: #"{"overlap": "0s"}"#)
            #expect(rotated.status == 201)
            let new = try rotated.decoded(Key.self)
            #expect(try await api.send("DELETE", "/keys/\(new.id)").text.contains("revoked"))
            #expect(try await api.post("/keys/\(new.id)/rotate", json: "{}").code == "key_not_active")
            #expect(try await api.send("DELETE", "/keys/0000000000000000").code == "key_not_found")
            let log = try await api.get("/log?limit=10").text
            for action in ["key.create", "key.rotate", "key.revoke"] { #expect(log.contains(action)) }
        }

        @Test func claimsOfAUserAreFound() async throws {
            let coupon = try await api.coupon("SEARCHED", amount: 1)
            _ = try await api.outcomes(["ann", "bob", "cem"].map { API.Order(user: $0, coupon: coupon) }, atOnce: 1)
            let page = try await api.get("/coupons/\(coupon)/claims?user_id=bob").decoded(ClaimPage.self)
            #expect(page.claims.map(\.outcome) == ["rejected sold_out"])
            let winner = try await api.get("/coupons/\(coupon)/claims?user_id=ann").decoded(ClaimPage.self)
            #expect(winner.claims.map(\.outcome) == ["claimed"])
            #expect(try await api.get("/coupons/NONE_AT_ALL/claims?user_id=a").code == "coupon_not_found")
        }
    }
}
