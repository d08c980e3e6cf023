import Claims
import Foundation
import HTTPTypes
import Hummingbird
import Testing

@testable import ClaimAPI

/// The schemas of the document against the types of the code.
@Suite struct OpenAPISchemaTests {
    private let document: OpenAPIDocument
    private let check: JSONSchemaCheck

    init() throws {
        document = try OpenAPIDocument()
        check = JSONSchemaCheck(document: document)
    }

    private func schema(_ name: String) throws -> JSONNode {
        try #require(document.component("schemas", name))
    }

    private func names(_ schema: JSONNode) -> Set<String> { Set(document.properties(of: schema).keys) }

    private func nullable(_ schema: JSONNode) -> Set<String> {
        Set(document.properties(of: schema).filter { check.accepts($0.value, .null) }.keys)
    }

    private func example(_ name: String) throws -> JSONNode {
        try #require(document.component("examples", name)?["value"])
    }

    // MARK: Answers

    @Test func aClaimHasTheDocumentedFields() throws {
        let claim = try schema("Claim")
        let fields = Set(Claim.CodingKeys.allCases.map(\.rawValue))
        #expect(names(claim) == fields)
        #expect(document.required(of: claim) == fields)
        // A claim of which only the id is known.
        let id = try #require(ClaimID(String(repeating: "0", count: 40)))
        let encoded = try JSONNode(encoding: Claim(id: id)).object
        #expect(Set(encoded.keys) == fields)
        #expect(Set(encoded.filter { $0.value == .null }.keys) == nullable(claim))
    }

    @Test func anAcceptedClaimHasFieldsOfAClaim() throws {
        let accepted = try schema("AcceptedClaim")
        #expect(names(accepted).isSubset(of: names(try schema("Claim"))))
        #expect(document.required(of: accepted) == names(accepted))
    }

    @Test func aCouponHasTheDocumentedFields() throws {
        let coupon = try schema("Coupon")
        let shown = try example("Coupon")
        let encoded = try JSONNode(encoding: try decoded(Coupon.self, shown))
        #expect(encoded == shown)
        #expect(Set(encoded.object.keys) == names(coupon))
        #expect(document.required(of: coupon) == names(coupon))
        // A list leaves out who has the coupon.
        let summary = try schema("CouponSummary")
        var listed = try decoded(Coupon.self, shown)
        listed.claimedBy = nil
        listed.startsAt = nil
        listed.endsAt = nil
        let fields = try JSONNode(encoding: listed).object
        #expect(Set(fields.keys) == names(summary))
        #expect(document.required(of: summary) == names(summary))
        #expect(Set(fields.filter { $0.value == .null }.keys) == nullable(summary))
    }

    @Test func aListOfUsersHasTheDocumentedFields() throws {
        let list = try schema("EligibleUsers")
        let shown = try example("EligibleUsers")
        #expect(try JSONNode(encoding: try decoded(EligibleUsers.self, shown)) == shown)
        #expect(Set(shown.object.keys) == names(list))
        #expect(document.required(of: list) == names(list))
    }

    @Test(arguments: [
        "ClaimIDOnly", "ClaimPending", "ClaimRetrying", "ClaimClaimed", "ClaimRejected", "ClaimDeadLettered",
    ])
    func anExampleClaimIsWhatTheCodeEncodes(_ name: String) throws {
        let shown = try example(name)
        #expect(try JSONNode(encoding: try decoded(Claim.self, shown)) == shown)
    }

    @Test func theExampleStreamHasEventsOfTheCode() throws {
        let content = try #require(
            document.root["paths"]?["/claims/{id}/events"]?["get"]?["responses"]?["200"]?["content"]?[
                "text/event-stream"])
        let stream = try #require(content["examples"]?["claimed"]?["value"]?.string)
        let blocks = stream.split(separator: "\n\n")
        let events = blocks.filter { !$0.hasPrefix(":") }
        #expect(events.count == 2 && blocks.count == 3)
        for event in events {
            let lines = event.split(separator: "\n")
            let json = Data(try #require(lines.last).dropFirst("data: ".count).utf8)
            let claim = try JSONDecoder().decode(Claim.self, from: json)
            #expect(check.violations(of: try schema("Claim"), by: try JSONNode(parsing: json)).isEmpty)
            #expect(lines.prefix(2) == ["event: claim", "id: \(ClaimEvents.id(of: claim))"])
        }
    }

    // MARK: Words

    @Test func theStatusesAreDocumented() throws {
        let all = Set(ClaimStatus.allCases.map(\.rawValue))
        #expect(try schema("ClaimStatus")["enum"]?.strings == all)
        let settled = document.properties(of: try #require(try schema("SettledClaim")["allOf"]?.array.last))["status"]
        #expect(settled?["enum"]?.strings == Set(ClaimStatus.allCases.filter(\.isFinal).map(\.rawValue)))
    }

    @Test func theRejectionReasonsAreDocumented() throws {
        #expect(try schema("RejectionReason")["enum"]?.strings == Set(Rejection.allCases.map(\.rawValue)))
        // An unknown coupon is 404 where a user's eligibility is asked for.
        let explained = Set(Rejection.allCases.filter { $0 != .couponNotFound }.map(\.rawValue))
        #expect(document.properties(of: try schema("Eligibility"))["reasons"]?["items"]?["enum"]?.strings == explained)
    }

    @Test func everyEnumeratedWordIsExplained() throws {
        for name in ["ClaimStatus", "RejectionReason"] {
            let schema = try schema(name)
            for word in schema["enum"]?.strings ?? [] {
                #expect(schema["description"]?.string?.contains("`\(word)`") == true, "\(word)")
            }
        }
    }

    // MARK: Bodies

    private func decoded<Value: Decodable>(_: Value.Type, _ node: JSONNode) throws -> Value {
        try JSONDecoder().decode(Value.self, from: try JSONEncoder().encode(node))
    }

    private func decodes<Value: Decodable>(_ type: Value.Type, _ members: [String: JSONNode]) -> Bool {
        (try? decoded(type, .object(members))) != nil
    }

    /// The names of a value's stored properties, as JSON has them.
    private func fields(_ value: some Any) -> Set<String> {
        Set(
            Mirror(reflecting: value).children.compactMap(\.label).map { label in
                label.replacing(/[A-Z]/) { "_\($0.output.lowercased())" }
            })
    }

    /// Expects that the code reads the documented fields, each as required and nullable as the document says.
    ///
    /// - Parameter whole: a body with all fields.
    private func expectFields<Value: Decodable>(
        _ type: Value.Type, asIn schema: JSONNode, _ whole: [String: JSONNode]
    ) throws {
        #expect(names(schema) == fields(try decoded(type, .object(whole))))
        #expect(names(schema) == Set(whole.keys))
        for (name, property) in document.properties(of: schema) {
            let isRequired = document.required(of: schema).contains(name)
            #expect(decodes(type, whole.filter { $0.key != name }) != isRequired, "\(name) left out")
            func with(_ value: JSONNode) -> [String: JSONNode] { whole.merging([name: value]) { $1 } }
            #expect(decodes(type, with(.null)) == check.accepts(property, .null), "\(name) null")
            #expect(!decodes(type, with(.object([:]))), "\(name) of another type")
        }
    }

    private let change: [String: JSONNode] = [
        "amount": .number(2), "per_user_limit": .number(1), "starts_at": .string("2026-11-22T18:00:00+01:00"),
        "ends_at": .string("2026-11-22T19:00:00+01:00"),
    ]

    @Test func aNewCouponHasTheDocumentedFields() throws {
        let more: [String: JSONNode] = ["name": .string("A"), "eligible_users": .array([.string("u1")])]
        try expectFields(NewCoupon.self, asIn: try schema("NewCoupon"), change.merging(more) { $1 })
    }

    @Test func aChangeOfACouponHasTheDocumentedFields() throws {
        try expectFields(CouponChange.self, asIn: try schema("CouponChange"), change)
    }
}
