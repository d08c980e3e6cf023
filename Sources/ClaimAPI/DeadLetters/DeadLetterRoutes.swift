import Claims
import DeadLetters
import Foundation
import HTTPTypes
import Hummingbird
import RuntimeSupport

/// The routes for the dead-letter queue. The work is that of `claimctl dlq`.
struct DeadLetterRoutes: Sendable {
    let reader: DeadLetterReader
    let jobs: OperatorJobs
    let stores: StoreSettings

    var endpoints: [Endpoint] {
        [
            Endpoint("/dlq", [.get: { request, _ in try await list(request) }]),
            Endpoint("/dlq/stats", [.get: { request, _ in try await statistics(request) }]),
            Endpoint("/dlq/messages/{id}", [.get: { _, context in try await show(context) }]),
            Endpoint("/dlq/discarded", [.get: { _, _ in try await discarded() }]),
            Endpoint("/dlq/plans", [.post: { request, context in try await plan(request, context) }]),
            Endpoint("/dlq/jobs", [.post: { request, context in try await start(request, context) }]),
            Endpoint("/dlq/jobs/{id}", [.get: { _, context in try await jobs.response(context) }]),
        ]
    }

    // MARK: Reading

    /// Whether a request asks for a reading that begins now.
    private static func isNew(_ request: Request) throws(Problem) -> Bool { try flag("fresh", request) }

    private static func flag(_ name: String, _ request: Request) throws(Problem) -> Bool {
        switch request.queryParameter(name) {
        case nil, "false": false
        case "true": true
        default: throw .invalidParameter(name, "true or false")
        }
    }

    private func list(_ request: Request) async throws -> Response {
        let filter = try DeadLetterFilter(request)
        let page = try Page(request, accepts: DeadLetterSnapshot.isPlace)
        let isNew = try Self.isNew(request)
        let mayBePartial = try Self.flag("partial", request) && !isNew && filter.isEmpty && page.after == nil
        return try await reporting {
            let snapshot: DeadLetterSnapshot
            if mayBePartial {
                switch try await reader.content() {
                case .complete(let complete): snapshot = complete
                case .partial(let first):
                    return Self.listing(
                        first.messages.prefix(page.limit), next: nil, matching: nil, total: first.total, at: first.at)
                }
            } else {
                snapshot = try await reader.snapshot(isNew: isNew)
            }
            let found = try await reader.run {
                try snapshot.page(filter, after: page.after, limit: page.limit)
            }
            return Self.listing(
                found.messages[...], next: found.next, matching: found.matching, total: snapshot.count, at: snapshot.at)
        }
    }

    /// - Parameter matching: nil if the list is partial.
    private static func listing(
        _ messages: ArraySlice<String>, next: String?, matching: Int?, total: Int, at time: Timestamp
    ) -> Response {
        var json = JSONText(reserving: 64 << 10)
        json.append(json: #"{"messages":["#)
        json.append(json: messages.joined(separator: ","))
        json.append(json: #"],"next_cursor":"#)
        json.append(string: next.map { Data($0.utf8).base64EncodedString() })
        json.append(json: #","matching":\#(matching.map(String.init) ?? "null"),"total":\#(total),"read_at":"#)
        json.append(string: time.description)
        json.append(json: #","complete":\#(matching != nil)}"#)
        return .json(encoded: json.bytes)
    }

    private func statistics(_ request: Request) async throws -> Response {
        let isNew = try Self.isNew(request)
        return try await reporting {
            let snapshot = try await reader.snapshot(isNew: isNew)
            return try .json(StatisticsDocument(snapshot.statistics, now: .now()))
        }
    }

    private func show(_ context: APIContext) async throws -> Response {
        let id = context.pathParameter("id")
        return try await reporting {
            let session = reader.session
            let json = try await reader.run {
                let match = try DeadLetterMatch(id: id, session)
                return try JSON.encoder.encode(DeadLetterDocument(match.newest, session))
            }
            return .json(encoded: json)
        }
    }

    private func discarded() async throws -> Response {
        try await reporting {
            let session = reader.session
            let messages = try await reader.run {
                try Archive(session).discarded(limit: Page.maximumLimit)
            }
            return try .json(["messages": messages])
        }
    }

    // MARK: Changing

    private struct PlanHead: Encodable {
        let plan: String
        let action: DeadLetterPlan.Action
        let count: Int
        let missing: [String]
    }

    private func plan(_ request: Request, _ context: APIContext) async throws -> Response {
        let body = try await request.json(SelectionBody.self)
        let selection = try body.selection()
        let session = session(context)
        return try await reporting {
            let json = try await reader.run {
                let now = Timestamp.now()
                let shown = SortedLines(limit: Page.defaultLimit)
                var statistics = DeadLetterStatistics()
                let change = try DeadLetterChange(body.action, selection, session) { letter in
                    statistics.add(letter)
                    try shown.add(letter) {
                        String(decoding: try JSON.encoder.encode(DeadLetterLine(letter, now: now)), as: UTF8.self)
                    }
                }
                try change.store(session)
                let head = try JSON.encoder.encode(
                    PlanHead(
                        plan: change.plan.digest, action: body.action, count: change.count, missing: change.missing))
                var lines: [String] = []
                try shown.forEach { lines.append($0) }
                var json = JSONText(reserving: 64 << 10)
                json.append(json: String(decoding: head.dropLast(), as: UTF8.self))
                json.append(json: #","statistics":"#)
                json.append(
                    json: String(
                        decoding: try JSON.encoder.encode(StatisticsDocument(statistics, now: now)), as: UTF8.self))
                json.append(json: #","messages":["#)
                json.append(json: lines.joined(separator: ","))
                json.append(json: "]}")
                return json.bytes
            }
            return .json(encoded: json, status: .created)
        }
    }

    private func start(_ request: Request, _ context: APIContext) async throws -> Response {
        let change = try await request.json(DeadLetterJobBody.self).job()
        let reader = reader
        let job = try jobs.start(change.action, on: change.subject, by: context.caller.operatorName) { session in
            defer { reader.forget() }
            return try await DeadLetterThread.value { try change.run(session) }
        }
        return try .started(job, at: "/dlq/jobs")
    }

    private func session(_ context: APIContext) -> OperatorSession {
        OperatorSession(
            stores, operatorName: context.caller.operatorName, connectionName: "ClaimAPI dlq",
            patience: DeadLetterReader.patience)
    }

    /// Runs `body`, and throws its errors as problems.
    private func reporting(_ body: () async throws -> Response) async throws -> Response {
        do {
            return try await body()
        } catch {
            throw Problem(deadLetters: error) ?? error
        }
    }
}
