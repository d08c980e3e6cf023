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

    /// The page as clients see it.
    ///
    /// - Parameters:
    ///   - found: up to one more than the limit; the surplus one tells that there is another page.
    ///   - cursor: what a page that begins after this entry is asked for by.
    ///   - shown: what is shown of an entry.
    func listing<Found, Shown: Encodable>(
        _ name: String, of found: [Found], cursor: (Found) -> String, as shown: (Found) -> Shown
    ) -> Listing<Shown> {
        let entries = found.prefix(limit)
        let next = found.count > limit ? entries.last.map { Data(cursor($0).utf8).base64EncodedString() } : nil
        return Listing(name, entries.map(shown), nextCursor: next)
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
