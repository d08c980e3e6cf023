import Foundation
import Hummingbird

/// Which part of a list is asked for.
struct Page {
    /// The most entries that are given.
    let limit: Int
    /// Where the page before ended; nil for the first page.
    let after: String?

    /// Reads `limit` and `cursor`.
    ///
    /// - Parameter accepts: whether a cursor's content can be one of this list's.
    init(_ request: Request, accepts: (String) -> Bool) throws {
        limit = try request.integerParameter("limit", in: 1...500) ?? 100
        guard let cursor = request.queryParameter("cursor") else {
            after = nil
            return
        }
        guard let data = Data(base64Encoded: cursor), let text = String(data: data, encoding: .utf8), accepts(text)
        else { throw Problem.invalidParameter("cursor", "the next_cursor of an answer") }
        after = text
    }

    /// The word by which the next page is asked for; nil if this one was not full.
    func nextCursor(count: Int, last: String?) -> String? {
        guard count == limit, let last else { return nil }
        return Data(last.utf8).base64EncodedString()
    }
}

/// A page of a list as clients see it: `{"<name>": […], "next_cursor": …}`.
struct Listing<Element: Encodable>: Encodable {
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    private let name: String
    private let elements: [Element]
    private let nextCursor: String?

    init(_ name: String, _ elements: [Element], nextCursor: String?) {
        self.name = name
        self.elements = elements
        self.nextCursor = nextCursor
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(elements, forKey: Key(stringValue: name))
        try container.encode(nextCursor, forKey: Key(stringValue: "next_cursor"))
    }
}
