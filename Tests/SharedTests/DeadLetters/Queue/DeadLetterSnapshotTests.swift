import Foundation
import RuntimeSupport
import Testing

@testable import DeadLetters

@Suite struct DeadLetterSnapshotTests {
    private func snapshot(_ letters: [DeadLetter]) throws -> DeadLetterSnapshot {
        try DeadLetterSnapshot(reading: { visit in for letter in letters { try visit(letter) } })
    }

    private func ids(_ page: DeadLetterSnapshot.Page) throws -> [String] {
        struct Line: Decodable { let id: String }
        return try page.messages.map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)).id }
    }

    private func letter(_ number: Int, coupon: String = "SALE", died: Int64) -> DeadLetter {
        .made(number, coupon: coupon, died: Timestamp(milliseconds: died))
    }

    @Test func pagesAreInTheOrderOfDeathWhateverTheOrderOfReading() throws {
        let letters = (1...25).map { letter($0, died: 1_000 + Int64($0)) }
        let snapshot = try snapshot(letters.shuffled())
        #expect(snapshot.count == 25)
        var (found, place) = ([String](), String?.none)
        repeat {
            let page = try snapshot.page(DeadLetterFilter(), after: place, limit: 10)
            #expect(page.matching == 25)
            found += try ids(page)
            place = page.next
        } while place != nil
        #expect(found == letters.map(\.id))
    }

    @Test func aPlaceIsValidInALaterReading() throws {
        let letters = (1...10).map { letter($0, died: Int64($0)) }
        let place = try #require(try snapshot(letters).page(DeadLetterFilter(), after: nil, limit: 4).next)
        #expect(DeadLetterSnapshot.isPlace(place))
        // The page's last message has left the queue, and another one has arrived.
        let later = try snapshot(letters.filter { $0.id != letters[3].id } + [letter(11, died: 11)])
        let page = try later.page(DeadLetterFilter(), after: place, limit: 100)
        #expect(try ids(page) == letters[4...].map(\.id) + [letter(11, died: 11).id])
        #expect(page.next == nil)
    }

    @Test func filtersSelectAsTheyDoForWholeMessages() throws {
        let letters = [
            letter(1, died: 1), letter(2, coupon: "OTHER", died: 2), .made(3, reason: "database_error"),
            .made(4, reason: nil, died: nil), .stray("not JSON"),
        ]
        let snapshot = try snapshot(letters)
        let filters = [
            DeadLetterFilter(), DeadLetterFilter(reason: "lock_held"), DeadLetterFilter(couponName: "OTHER"),
            DeadLetterFilter(userID: "u3"), DeadLetterFilter(olderThan: 1), DeadLetterFilter(newerThan: 1),
            DeadLetterFilter(reason: "lock_held", couponName: "SALE"),
        ]
        for filter in filters {
            let expected = letters.filter { filter.matches($0, at: .now()) }.map(\.id)
            let page = try snapshot.page(filter, after: nil, limit: 100)
            #expect(try Set(ids(page)) == Set(expected), "\(filter)")
            #expect(page.matching == expected.count)
        }
    }

    @Test func theFieldSeparatorInAMessageDoesNoHarm() throws {
        let hostile = DeadLetter.stray("{\"user_id\": \"a\\u001fb\", \"coupon_name\": \"<b>\\u001f</b>\"}")
        let page = try snapshot([hostile, .made(1)]).page(DeadLetterFilter(), after: nil, limit: 10)
        #expect(try Set(ids(page)) == [hostile.id, DeadLetter.made(1).id])
    }

    @Test(arguments: ["", "xyz", "A0", "00 "]) func otherTextIsNoPlace(_ text: String) {
        #expect(!DeadLetterSnapshot.isPlace(text))
    }
}
