import AsyncHTTPClient
import Claims
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

/// A ClaimAPI as its clients see it.
struct API: Sendable {
    let port: Int
    /// Records every accepted claim.
    let ledger: Ledger
    /// Sent with each request; nil for none.
    var token: String?

    /// Returns the same API for another caller.
    func with(token: String?) -> API { API(port: port, ledger: ledger, token: token) }

    /// A claim to be sent, with its idempotency key.
    struct Order: Sendable {
        var user: String
        var coupon: String
        var key = UUID().uuidString
    }

    /// The accepted claims, each of which must get an outcome.
    final class Ledger: Sendable {
        private let ids = Mutex<Set<String>>([])
        func add(_ id: String) { ids.withLock { _ = $0.insert(id) } }
        /// Removes a claim that the first API can't see.
        func remove(_ id: String) { ids.withLock { _ = $0.remove(id) } }
        func takeAll() -> [String] {
            ids.withLock { ids in
                defer { ids = [] }
                return ids.sorted()
            }
        }
    }

    // MARK: Requests

    /// Keeps as many connections as a test has concurrent requests.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 256
        // A refused connection is a result, too.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.redirectConfiguration = .disallow
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    func send(
        _ method: String, _ path: String, headers: [(String, String)] = [], body: String? = nil,
        within time: TimeAmount = .seconds(45)
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = HTTPMethod(rawValue: method)
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        return try await answer(to: request, within: time)
    }

    private func answer(to request: HTTPClientRequest, within time: TimeAmount) async throws -> Answer {
        let response = try await Self.client.execute(request, timeout: time)
        let bytes = try await response.body.collect(upTo: 64 << 20)
        return Answer(
            status: Int(response.status.code), headers: response.headers, body: Data(bytes.readableBytesView))
    }

    /// Sends bytes as a JSON body, with a new idempotency key.
    func send(_ method: String, _ path: String, data: Data) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = HTTPMethod(rawValue: method)
        request.headers.add(name: "Content-Type", value: "application/json")
        request.headers.add(name: "Idempotency-Key", value: UUID().uuidString)
        request.body = .bytes(ByteBuffer(bytes: data))
        return try await answer(to: request, within: .seconds(45))
    }

    func get(_ path: String, _ headers: (String, String)...) async throws -> Answer {
        try await send("GET", path, headers: headers)
    }

    func post(_ path: String, json: String) async throws -> Answer {
        try await send("POST", path, headers: [("Content-Type", "application/json")], body: json)
    }

    // MARK: Claims

    /// Sends a claim.
    func post(_ order: Order) async throws -> Answer {
        let body = try JSONEncoder().encode(["user_id": order.user, "coupon_name": order.coupon])
        let answer = try await send(
            "POST", "/claims", headers: [("Content-Type", "application/json"), ("Idempotency-Key", order.key)],
            body: String(decoding: body, as: UTF8.self))
        if answer.status == 202 { ledger.add(try answer.decoded(Claim.self).id) }
        return answer
    }

    /// Sends a claim and requires that it is accepted.
    @discardableResult
    func submit(_ user: String, _ coupon: String, key: String = UUID().uuidString) async throws -> Claim {
        let answer = try await post(Order(user: user, coupon: coupon, key: key))
        try #require(answer.status == 202, "\(answer)")
        return try answer.decoded(Claim.self)
    }

    /// Returns the state of a claim, after a wait for its outcome.
    ///
    /// - Parameter wait: seconds.
    func claim(_ id: String, wait: Int = 0) async throws -> Claim {
        let answer = try await get("/claims/\(id)?wait=\(wait)")
        try #require(answer.status == 200, "\(answer)")
        return try answer.decoded(Claim.self)
    }

    /// Sends claims and waits for their outcomes.
    ///
    /// - Returns: the outcomes, in the order of `orders`.
    func outcomes(_ orders: [Order], atOnce: Int = 100) async throws -> [Claim] {
        let accepted = try await concurrently(orders, atMost: atOnce) { order in
            try await submit(order.user, order.coupon, key: order.key)
        }
        return try await concurrently(accepted, atMost: 100) { try await claim($0.id, wait: 30) }
    }

    // MARK: Coupons

    /// Creates a coupon with a random name.
    ///
    /// - Parameter rules: further fields of the JSON body, beginning with a comma.
    func coupon(_ prefix: String, amount: Int, rules: String = "") async throws -> String {
        let name = "\(prefix)_\(String(UInt32.random(in: 0 ... .max), radix: 36).uppercased())"
        let answer = try await post("/coupons", json: #"{"name":"\#(name)","amount":\#(amount)\#(rules)}"#)
        try #require(answer.status == 201, "\(answer)")
        return name
    }

    /// Creates a coupon of amount 100 in the lane of another coupon.
    func coupon(inTheLaneOf other: String) async throws -> String { try await neighbour(of: other, ==) }

    /// Creates a coupon of amount 100 in a lane that is not that of another coupon.
    func coupon(outsideTheLaneOf other: String) async throws -> String { try await neighbour(of: other, !=) }

    private func neighbour(of other: String, _ compare: (Int?, Int?) -> Bool) async throws -> String {
        let lane = CouponName(other)?.lane(of: Setup.lanes)
        let names = (0...).lazy.map { "\(other)_NEIGHBOUR_\($0)" }
        let name = try #require(names.first { compare(CouponName($0)?.lane(of: Setup.lanes), lane) })
        let answer = try await post("/coupons", json: #"{"name":"\#(name)","amount":100}"#)
        try #require(answer.status == 201, "\(answer)")
        return name
    }

    func coupon(_ name: String) async throws -> Coupon {
        try await get("/coupons/\(name)").decoded(Coupon.self)
    }
}

/// The response to a request.
struct Answer: CustomStringConvertible, Sendable {
    let status: Int
    let headers: HTTPHeaders
    let body: Data

    /// Returns the value of a header. Several values are joined by commas.
    func header(_ name: String) -> String? {
        let values = headers[name]
        return values.isEmpty ? nil : values.joined(separator: ", ")
    }

    var text: String { String(decoding: body, as: UTF8.self) }
    var description: String { "\(status) \(text)" }
    /// The `code` of a problem; nil if the body is not a problem according to RFC 9457.
    var code: String? {
        guard header("Content-Type") == "application/problem+json", let problem,
            problem.status == status, !problem.type.isEmpty, !problem.title.isEmpty
        else { return nil }
        return problem.code
    }
    var problem: Problem? { try? decoded(Problem.self) }

    func decoded<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try decode(type, from: body)
    }

    /// Returns the field names of a JSON object.
    func fields() throws -> Set<String> {
        let object = try JSONSerialization.jsonObject(with: body)
        return Set(try #require(object as? [String: Any], "\(self)").keys)
    }
}

/// Decodes JSON with names in snake case.
func decode<Value: Decodable>(_: Value.Type, from json: Data) throws -> Value {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Value.self, from: json)
}

struct Problem: Decodable {
    let type, title, detail, code: String
    let status: Int
}

/// A claim as the contract describes it, decoded independently of the system's own types.
struct Claim: Decodable, Sendable {
    var id, status: String
    let reason, userId, couponName: String?
    let attempts: Int?
    let createdAt, decidedAt: String?
    var position: Int?
    var estimatedSeconds: Int?

    /// Status and reason in one text, such as `rejected sold_out`.
    var outcome: String { [status, reason].compactMap(\.self).joined(separator: " ") }
}

struct Coupon: Decodable {
    let name: String
    let amount, remainingAmount: Int
    let claimedBy: [String]?
}

struct CouponPage: Decodable {
    let coupons: [Coupon]
    let nextCursor: String?
}

struct ClaimPage: Decodable {
    let claims: [Claim]
    let nextCursor: String?
}

extension Sequence<Claim> {
    /// The number of claims with each outcome.
    var tally: [String: Int] { Dictionary(map { ($0.outcome, 1) }, uniquingKeysWith: +) }
}
