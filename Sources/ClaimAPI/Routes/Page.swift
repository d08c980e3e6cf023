import Foundation
import Hummingbird

/// The requested part of a list.
struct Page {
    static let defaultLimit = 100
    static let maximumLimit = 500

    /// The most entries to return.
    let limit: Int
    /// The key of the last entry of the previous page; nil for the first page.
    let after: String?

    /// Reads `limit` and `cursor`.
    ///
    /// - Parameter accepts: returns whether the content of a cursor can be a key of this list.
    /// - Throws: ``Problem`` `invalid_parameter`.
    init(_ request: Request, accepts: (String) -> Bool) throws {
        limit = try request.integerParameter("limit", in: 1...Self.maximumLimit) ?? Self.defaultLimit
        guard let cursor = request.queryParameter("cursor") else {
            after = nil
            return
        }
        guard let data = Data(base64Encoded: cursor), let text = String(data: data, encoding: .utf8), accepts(text)
        else { throw Problem.invalidParameter("cursor", "the next_cursor of an answer") }
        after = text
    }

    /// Returns the page as clients see it.
    ///
    /// - Parameters:
    ///   - found: one entry more than the limit if there is another page.
    ///   - cursor: returns the key of an entry, from which the next page starts.
    ///   - shown: returns what clients see of an entry.
    func listing<Found, Shown: Encodable>(
        _ name: String, of found: [Found], cursor: (Found) -> String, as shown: (Found) -> Shown
    ) -> Listing<Shown> {
        let entries = found.prefix(limit)
        let next = found.count > limit ? entries.last.map { Data(cursor($0).utf8).base64EncodedString() } : nil
        return Listing(name, entries.map(shown), nextCursor: next)
    }
}

/// A page of a list as JSON: `{"<name>": […], "next_cursor": …}`.
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
