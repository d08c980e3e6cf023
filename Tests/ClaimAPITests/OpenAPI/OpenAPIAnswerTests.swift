import Claims
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import RuntimeSupport
import Testing

@testable import ClaimAPI

/// Answers of the API against the document, as far as the API answers without any server.
@Suite struct OpenAPIAnswerTests {
    private let document: OpenAPIDocument
    private let check: JSONSchemaCheck
    private let endpoints: [Endpoint]

    init() throws {
        document = try OpenAPIDocument()
        check = JSONSchemaCheck(document: document)
        endpoints = try OpenAPITests.endpoints()
    }

    private func answer(
        _ method: HTTPRequest.Method, _ uri: String, headers: HTTPFields = [:], body: String = ""
    ) async throws -> TestResponse {
        let router = Router(context: APIContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: ProblemMiddleware(endpoints: endpoints, logger: .quiet))
        for endpoint in endpoints { router.add(endpoint, behind: Gate()) }
        return try await Application(router: router, logger: .quiet).test(.router) { client in
            try await client.execute(
                uri: uri, method: method, headers: headers, body: ByteBuffer(string: body))
        }
    }

    /// Expects that the document has this answer: its status, its headers and its body.
    private func expectDocumented(_ answer: TestResponse, to method: HTTPRequest.Method, _ path: String) throws {
        let place = "\(method) \(path) \(answer.status.code)"
        let item = try #require(document.root["paths"]?[path], "\(place)")
        // Any other method is documented with each of the path's own.
        let operation = try #require(item[method.rawValue.lowercased()] ?? item.object.first?.value, "\(place)")
        let documented = try #require(operation["responses"]?["\(answer.status.code)"], "\(place)")
        let response = document.resolved(documented)

        let type = try #require(answer.headers[.contentType], "\(place)")
        let content = try #require(
            response["content"]?.object.first { type == $0.key || type.hasPrefix("\($0.key);") }?.value,
            "\(place) \(type)")
        let text = String(buffer: answer.body)
        let body: JSONNode = type.hasSuffix("json") ? try JSONNode(parsing: Data(text.utf8)) : .string(text)
        #expect(check.violations(of: content["schema"] ?? .null, by: body).isEmpty, "\(place)")

        let headers = (response["headers"]?.object ?? [:]).mapValues(document.resolved)
        for (name, header) in headers {
            guard let field = HTTPField.Name(name).flatMap({ answer.headers[$0] }) else {
                #expect(header["required"] != .bool(true), "\(place) \(name)")
                continue
            }
            let value = Double(field).map { JSONNode.number($0) } ?? .string(field)
            #expect(check.violations(of: header["schema"] ?? .null, by: value).isEmpty, "\(place) \(name)")
        }
        for name in [HTTPField.Name.retryAfter, .allow, .location] where answer.headers[name] != nil {
            #expect(headers[name.canonicalName] != nil || headers[name.rawName] != nil, "\(place) \(name)")
        }
    }

    @Test(arguments: ProblemExamples.answered)
    func anExampleIsWhatARequestIsAnsweredWith(_ exchange: ProblemExamples.Exchange) async throws {
        let answer = try await answer(exchange.method, exchange.uri, headers: exchange.headers, body: exchange.body)
        let example = try #require(document.component("examples", exchange.example)?["value"])
        #expect(try JSONNode(parsing: Data(answer.body.readableBytesView)) == example)
        #expect(Double(answer.status.code) == example["status"]?.number)
        let path = String(exchange.uri.prefix { $0 != "?" })
        if let endpoint = endpoints.first(where: { $0.matches(path) }) {
            try expectDocumented(answer, to: exchange.method, endpoint.path)
        }
    }

    @Test(arguments: ["/healthz", "/metrics", "/", "/openapi.json"])
    func anAnswerWithoutServersIsDocumented(_ path: String) async throws {
        let answer = try await answer(.get, path)
        #expect(answer.status == .ok)
        try expectDocumented(answer, to: .get, path)
    }

    @Test func anIssuedClaimIsUnavailableWithoutServers() async throws {
        let user = try #require(UserID("u1"))
        let key = try #require(IdempotencyKey(headerValue: "k"))
        let id = ClaimIDIssuer(secret: OpenAPITests.secret).id(user: user, key: key, at: .now())
        for (method, path) in [
            (HTTPRequest.Method.get, "/claims/{id}"), (.get, "/claims/{id}/events"), (.post, "/claims/{id}/cancel"),
        ] {
            let answer = try await answer(method, path.replacing("{id}", with: id.description))
            #expect(answer.status == .serviceUnavailable)
            try expectDocumented(answer, to: method, path)
        }
    }

    @Test func anyOtherMethodIsAnsweredWithTheDocumentedOnes() async throws {
        for (path, item) in try #require(document.root["paths"]?.object) {
            let documented = Set(item.object.keys).intersection(OpenAPIDocument.methods)
            let allowed = documented.union(documented.contains("get") ? ["head"] : []).map { $0.uppercased() }
            let uri = path.replacing(/\{\w+\}/, with: "A")
            for method in [HTTPRequest.Method.get, .post, .put, .patch, .delete, .options]
            where !allowed.contains(method.rawValue) {
                let answer = try await answer(method, uri)
                #expect(answer.status == .methodNotAllowed, "\(method) \(path)")
                #expect(answer.headers[.allow] == allowed.sorted().joined(separator: ", "), "\(method) \(path)")
                try expectDocumented(answer, to: method, path)
            }
        }
    }

    /// A number beyond a documented bound is refused by name; the bound itself is accepted and meets no database.
    @Test(arguments: [
        ("NewCoupon", "amount"), ("NewCoupon", "per_user_limit"), ("CouponChange", "amount"),
        ("CouponChange", "per_user_limit"),
    ])
    func aNumberMayReachItsBoundsOnly(_ schema: String, _ field: String) async throws {
        let property = try #require(document.component("schemas", schema)?["properties"]?[field])
        let minimum = try #require(property["minimum"]?.number.map { Int($0) })
        let maximum = try #require(property["maximum"]?.number.map { Int($0) })
        for (number, isAllowed) in [(minimum - 1, false), (minimum, true), (maximum, true), (maximum + 1, false)] {
            var body: [String: JSONNode] = schema == "NewCoupon" ? ["name": .string("A"), "amount": .number(1)] : [:]
            body[field] = .number(Double(number))
            let text = String(decoding: try JSONEncoder().encode(JSONNode.object(body)), as: UTF8.self)
            let isNew = schema == "NewCoupon"
            let answer = try await answer(
                isNew ? .post : .patch, isNew ? "/coupons" : "/coupons/A", headers: [.contentType: "application/json"],
                body: text)
            #expect(answer.status == (isAllowed ? .serviceUnavailable : .unprocessableContent), "\(text)")
            if !isAllowed { #expect(String(buffer: answer.body).contains(field), "\(text)") }
        }
    }

    @Test func aClaimNeedsTheDocumentedFields() async throws {
        let schema = try #require(document.component("schemas", "NewClaim"))
        let whole: [String: JSONNode] = ["user_id": .string("u1"), "coupon_name": .string("A")]
        #expect(document.required(of: schema) == Set(whole.keys))
        #expect(Set(document.properties(of: schema).keys) == Set(whole.keys))
        for name in whole.keys {
            let text = String(
                decoding: try JSONEncoder().encode(JSONNode.object(whole.filter { $0.key != name })), as: UTF8.self)
            let answer = try await answer(
                .post, "/claims", headers: [.idempotencyKey: "k", .contentType: "application/json"], body: text)
            #expect(answer.status == .unprocessableContent)
            #expect(String(buffer: answer.body).contains(name))
        }
    }
}
