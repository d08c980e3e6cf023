import Claims
import Foundation
import HTTPTypes
import Hummingbird
import Testing

@testable import ClaimAPI

/// The limits of the document against those of the code.
@Suite struct OpenAPILimitTests {
    private let document: OpenAPIDocument
    private let check: JSONSchemaCheck

    init() throws {
        document = try OpenAPIDocument()
        check = JSONSchemaCheck(document: document)
    }

    private func schema(_ name: String) throws -> JSONNode {
        try #require(document.component("schemas", name))
    }

    private func parameter(_ name: String) throws -> JSONNode {
        try #require(document.component("parameters", name)?["schema"])
    }

    // MARK: Texts

    private static let texts = [
        "", "a", "A", "flash sale!", "FLASH_SALE", "_A", "A__B", "!!!", "é", "é1", "a\u{0}", "\u{7F}a", "a\u{85}",
        "a\r\n",
        String(repeating: "a", count: 64), String(repeating: "a", count: 65), String(repeating: "é", count: 128),
        String(repeating: "é", count: 129),
    ]

    @Test(arguments: texts) func aUsersIDIsTakenAsDocumented(_ text: String) throws {
        #expect(check.accepts(try schema("UserID"), .string(text)) == (UserID(text) != nil))
    }

    @Test(arguments: texts) func aCouponsNameIsTakenAsDocumented(_ text: String) throws {
        #expect(check.accepts(try schema("WrittenCouponName"), .string(text)) == (CouponName(text) != nil))
        #expect(check.accepts(try schema("CouponName"), .string(text)) == (CouponName(text)?.description == text))
    }

    @Test(arguments: ["0", "v", "w", "A"]) func aClaimsIDIsTakenAsDocumented(_ letter: String) throws {
        for length in 39...41 {
            let text = String(repeating: letter, count: length)
            #expect(check.accepts(try schema("ClaimID"), .string(text)) == (ClaimID(text) != nil), "\(text)")
        }
    }

    @Test(arguments: [
        "", "k", "a b", "a\"b", "\"", "\"\"", "\"k\"", "\"a b\"", #""a\"b""#, #""a\\b""#, #""a\b""#, "\"k", "k\"", "é",
        "\"é\"", "\u{7F}", "\"k\";a=1", String(repeating: "k", count: 255), String(repeating: "k", count: 256),
        "\"\(String(repeating: "k", count: 255))\"", "\"\(String(repeating: "k", count: 256))\"",
    ])
    func anIdempotencyKeyIsTakenAsDocumented(_ text: String) throws {
        let isTaken = IdempotencyKey(headerValue: text) != nil
        #expect(check.accepts(try parameter("IdempotencyKey"), .string(text)) == isTaken)
    }

    @Test func theDocumentNamesTheLongestKey() throws {
        let description = try #require(document.component("parameters", "IdempotencyKey")?["description"]?.string)
        #expect(description.contains("1 to \(IdempotencyKey.maximumLength) "))
        #expect(try schema("UserID")["maxLength"]?.number == Double(UserID.maximumLength))
        #expect(try schema("WrittenCouponName")["maxLength"]?.number == Double(CouponName.maximumLength))
    }

    // MARK: Numbers

    @Test func theLongestWaitIsDocumented() throws {
        let wait = try parameter("Wait")
        #expect(wait["minimum"]?.number == 0)
        #expect(wait["maximum"]?.number == Wait.longest)
        #expect(try Wait(.get("/claims/x")).time == .seconds(try #require(wait["default"]?.number)))
        let headers = document.root["paths"]?["/claims/{id}"]?["get"]?["responses"]?["200"]?["headers"]
        let applied = try #require(headers?["Preference-Applied"]?["schema"])
        for seconds in [0, 1, 9, 10, 29, 30, 31, 3600] {
            let answer = try #require(try Wait(.get("/claims/x", headers: [.prefer: "wait=\(seconds)"])).applied)
            #expect(check.accepts(applied, .string(answer)), "\(answer)")
        }
        #expect(!check.accepts(applied, .string("wait=\(Int(Wait.longest) + 1)")))
    }

    @Test func thePageLimitsAreDocumented() throws {
        let limit = try parameter("Limit")
        func accepts(_ limit: Int) -> Bool { (try? Page(.get("/coupons?limit=\(limit)")) { _ in true }) != nil }
        let minimum = try #require(limit["minimum"]?.number.map { Int($0) })
        let maximum = try #require(limit["maximum"]?.number.map { Int($0) })
        #expect(!accepts(minimum - 1) && accepts(minimum) && accepts(maximum) && !accepts(maximum + 1))
        #expect(try Page(.get("/coupons")) { _ in true }.limit == limit["default"]?.number.map { Int($0) })
        for (list, entries) in [("ClaimList", "claims"), ("CouponList", "coupons")] {
            #expect(try schema(list)["properties"]?[entries]?["maxItems"] == limit["maximum"], "\(list)")
        }
    }

    @Test func theLengthsOfListsAreDocumented() throws {
        let holders = document.properties(of: try schema("Coupon"))["claimed_by"]
        #expect(holders?["maxItems"]?.number == Double(CouponStore.claimedByLimit))
        #expect(try schema("UserList")["maxItems"]?.number == Double(EligibleUsersChange.limit))
    }

    @Test func everyBodyHasItsDocumentedLimit() throws {
        let usual = "\(BodyLimit.usual / 1024) KiB"
        let list = "\(BodyLimit.userList / 1024 / 1024) MiB"
        for operation in document.operations {
            guard let body = operation.node["requestBody"].map(document.resolved) else { continue }
            let description = try #require(body["description"]?.string)
            let takesList = operation.path.hasSuffix("/eligible-users")
            #expect(description.contains(takesList ? list : usual), "\(operation.name)")
            #expect(document.responses(of: operation)["413"] != nil, "\(operation.name)")
        }
    }
}
