import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Testing

@testable import ClaimAPI

@Suite struct PageTests {
    @Test func aPageHas100EntriesByDefault() throws {
        let page = try Page(.get("/coupons")) { _ in true }
        #expect(page.limit == 100)
        #expect(page.after == nil)
    }

    @Test(arguments: [1, 20, 500])
    func theLimitIsRead(_ limit: Int) throws {
        #expect(try Page(.get("/coupons?limit=\(limit)")) { _ in true }.limit == limit)
    }

    @Test(arguments: ["0", "501", "-1", "", "ten", "1.5", "9999999999999999999999"])
    func anInvalidLimitIsRefusedByName(_ limit: String) throws {
        let problem = #expect(throws: Problem.self) { try Page(.get("/coupons?limit=\(limit)")) { _ in true } }
        #expect(problem?.status == .badRequest)
        #expect(problem?.code == "invalid_parameter")
        #expect(problem?.detail.contains("limit") == true)
    }

    /// Returns the entries and the cursor that clients see.
    private func shown(_ found: [String], limit: Int) throws -> (entries: [String], cursor: String?) {
        struct Answer: Decodable {
            let names: [String]
            let next_cursor: String?
        }
        let page = try Page(.get("/coupons?limit=\(limit)")) { _ in true }
        let listing = page.listing("names", of: found, cursor: \.self, as: { $0.lowercased() })
        let answer = try JSONDecoder().decode(Answer.self, from: try JSONEncoder().encode(listing))
        return (answer.names, answer.next_cursor)
    }

    @Test(arguments: ["FLASH_SALE", "A", "AB", "ABC", "4711", String(repeating: "Z9_", count: 20)])
    func theCursorOfAPageStartsTheNextOneAfterItsLastEntry(_ last: String) throws {
        let page = try shown(["FIRST", last, "FURTHER"], limit: 2)
        #expect(page.entries == ["first", last.lowercased()])
        let cursor = try #require(page.cursor)
        #expect(try Page(.get("/coupons?limit=2&cursor=\(cursor)")) { $0 == last }.after == last)
        let encoded = try #require(cursor.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
        #expect(try Page(.get("/coupons?cursor=\(encoded)")) { $0 == last }.after == last)
    }

    @Test(arguments: [["A", "B", "C"], ["A", "B"], ["A"], []])
    func aPageWithoutAFurtherEntryIsTheLast(_ found: [String]) throws {
        let page = try shown(found, limit: 3)
        #expect(page.entries == found.map { $0.lowercased() })
        #expect(page.cursor == nil)
    }

    @Test(arguments: ["", "x", "!!!!", "%00", "/w=="])
    func anInvalidCursorIsRefusedByName(_ cursor: String) throws {
        let problem = #expect(throws: Problem.self) {
            try Page(.get("/coupons?cursor=\(cursor)")) { !$0.isEmpty }
        }
        #expect(problem?.status == .badRequest)
        #expect(problem?.detail.contains("cursor") == true)
    }

    @Test func aCursorOfAnotherListIsRefused() throws {
        let cursor = Data("FLASH_SALE".utf8).base64EncodedString()
        #expect(throws: Problem.self) { try Page(.get("/x?cursor=\(cursor)")) { Int($0) != nil } }
    }

    @Test func aListingNamesItsElementsAndTheNextCursor() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        func json(_ listing: Listing<Int>) throws -> String {
            String(decoding: try encoder.encode(listing), as: UTF8.self)
        }
        #expect(try json(Listing("claims", [1, 2], nextCursor: "x")) == #"{"claims":[1,2],"next_cursor":"x"}"#)
        #expect(try json(Listing("claims", [], nextCursor: nil)) == #"{"claims":[],"next_cursor":null}"#)
    }
}
