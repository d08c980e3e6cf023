import Claims
import Foundation
import RuntimeSupport
import SeededRandom
import Testing

@Suite struct ClaimIDTests {
    private let issuer = ClaimIDIssuer(secret: "a secret of at least 32 characters")

    /// 2026-11-26, day 20,783.
    private let day = Timestamp(milliseconds: 20783 * 86_400_000)

    private func id(
        _ user: String, _ key: String, by issuer: ClaimIDIssuer? = nil, at time: Timestamp? = nil
    ) throws -> ClaimID {
        // Quoted, so that the keys may hold any character.
        let key = key.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        return try (issuer ?? self.issuer).id(
            user: #require(UserID(user)), key: #require(IdempotencyKey(headerValue: "\"\(key)\"")), at: time ?? day)
    }

    /// Computed independently, as HMAC-SHA256 with keys derived by HKDF. A change would break every key in use.
    @Test func theIDOfARequestNeverChanges() throws {
        #expect(try id("u1", "order-4711").description == "uf5jq8koagdurr3j5if03f0608052btnqbummlfi")
        #expect(try id("größe", "order 4711").description == "iqgb6jrbg0f1gur5q2cqoauq08052bshr5q4kiqa")
        let nextDay = Timestamp(milliseconds: day.milliseconds + 86_400_000)
        #expect(try id("u1", "order-4711", at: nextDay).description == "uf5jq8koagdurr3j5if03f0608052c22jkm26084")
    }

    @Test func requestsBeforeTheFirstDatedDayGetIDsOfTheFirstVersion() throws {
        issuer.datesIDsFrom = 20784
        let old = try id("u1", "order-4711")
        #expect(old.description == "uf5jq8koagdurr3j5if03f068mdjd7r8hp44tvi6")
        #expect(issuer.day(of: old) == nil)
        let nextDay = Timestamp(milliseconds: day.milliseconds + 86_400_000)
        #expect(try id("u1", "order-4711", at: nextDay).description == "uf5jq8koagdurr3j5if03f0608052c22jkm26084")
    }

    @Test func anIDCarriesTheDayOfItsRequest() throws {
        for (time, expected) in [(0, 20783), (86_399_999, 20783), (86_400_000, 20784)] {
            let time = Timestamp(milliseconds: day.milliseconds + Int64(time))
            #expect(issuer.day(of: try id("u1", "k", at: time)) == expected)
        }
        let other = ClaimIDIssuer(secret: "the next secret of 32 characters")
        #expect(other.day(of: try id("u1", "k")) == nil)
        let rotated = ClaimIDIssuer(
            secret: "the next secret of 32 characters", former: ["a secret of at least 32 characters"])
        #expect(rotated.day(of: try id("u1", "k")) == 20783)
    }

    @Test func idsOfOneRequestOnDifferentDaysAreEqual() throws {
        let nextDay = Timestamp(milliseconds: day.milliseconds + 86_400_000)
        let (first, second) = (try id("u1", "k"), try id("u1", "k", at: nextDay))
        #expect(first.description != second.description)
        #expect(first == second && Set([first, second]).count == 1)
        #expect(issuer.id(second, at: day).description == first.description)
        #expect(try id("u1", "l") != second)
    }

    @Test func anIDOfAnEarlierSecretKeepsItsSecretWhenItIsDatedAgain() throws {
        let rotated = ClaimIDIssuer(
            secret: "the next secret of 32 characters", former: ["a secret of at least 32 characters"])
        let nextDay = Timestamp(milliseconds: day.milliseconds + 86_400_000)
        #expect(rotated.id(try id("u1", "k", at: nextDay), at: day).description == (try id("u1", "k").description))
    }

    /// The ids are those that releases without a day in the id issued.
    @Test(arguments: ["uf5jq8koagdurr3j5if03f068mdjd7r8hp44tvi6", "iqgb6jrbg0f1gur5q2cqoauqo2o4o2sp7qlc7ggu"])
    func anIDThatAnEarlierVersionIssuedIsRecognised(_ text: String) {
        #expect(issuer.issued(text)?.description == text)
        let rotated = ClaimIDIssuer(
            secret: "the next secret of 32 characters", former: ["a secret of at least 32 characters"])
        #expect(rotated.issued(text)?.description == text)
        #expect(ClaimIDIssuer(secret: "the next secret of 32 characters").issued(text) == nil)
    }

    @Test func anotherProcessWithTheSameSecretIssuesTheSameID() throws {
        let other = ClaimIDIssuer(secret: "a secret of at least 32 characters")
        #expect(try id("u1", "k", by: other) == id("u1", "k"))
    }

    @Test func anotherUsersSameKeyIsAnotherID() throws {
        #expect(try id("u1", "k") != id("u2", "k"))
    }

    @Test func anotherKeyOfTheSameUserIsAnotherID() throws {
        #expect(try id("u1", "k") != id("u1", "l"))
    }

    @Test(arguments: [("ab", "c", "a", "bc"), ("a", "aa", "aa", "a"), ("user", "key", "use", "rkey")])
    func userAndKeyAreSeparated(_ user: String, _ key: String, _ otherUser: String, _ otherKey: String)
        throws
    {
        #expect(try id(user, key) != id(otherUser, otherKey))
    }

    @Test func manyRequestsHaveDistinctIDs() throws {
        var ids: Set<ClaimID> = []
        for user in 0..<50 {
            for key in 0..<50 { ids.insert(try id("u\(user)", "k\(key)")) }
        }
        #expect(ids.count == 2500)
    }

    @Test func anIssuedIDIsRecognised() throws {
        for number in 0..<500 {
            let id = try id("user \(number)", "key \(number * 7)")
            #expect(issuer.issued(id.description) == id)
        }
    }

    @Test func anyChangedCharacterIsRefused() throws {
        let text = Array(try id("u1", "order-4711").description)
        for position in text.indices {
            for character in "0123456789abcdefghijklmnopqrstuv" where character != text[position] {
                var changed = text
                changed[position] = character
                #expect(issuer.issued(String(changed)) == nil, "position \(position), \(character)")
            }
        }
    }

    @Test func anInventedIDIsRefused() {
        var random = SeededGenerator(seed: 2)
        let letters = Array("0123456789abcdefghijklmnopqrstuv")
        for _ in 0..<2000 {
            let text = String((0..<40).map { _ in letters[Int.random(in: 0..<32, using: &random)] })
            #expect(issuer.issued(text) == nil)
        }
    }

    @Test func anIDOfAnotherSecretIsRefused() throws {
        let other = ClaimIDIssuer(secret: "a secret of at least 32 character!")
        #expect(issuer.issued(try id("u1", "k", by: other).description) == nil)
        #expect(try id("u1", "k", by: other) != id("u1", "k"))
    }

    @Test func anIDOfAnEarlierSecretIsRecognisedAfterARotation() throws {
        let new = ClaimIDIssuer(
            secret: "the next secret of 32 characters", former: ["a secret of at least 32 characters"])
        let (user, key) = (try #require(UserID("u1")), try #require(IdempotencyKey(headerValue: "k")))
        let old = issuer.id(user: user, key: key, at: day)
        #expect(new.issued(old.description) == old)
        #expect(new.id(user: user, key: key, at: day) != old)
        #expect(new.issued(new.id(user: user, key: key, at: day).description) != nil)
        #expect(issuer.issued(new.id(user: user, key: key, at: day).description) == nil)
        // A repeated request is found under the id that it had.
        #expect(new.formerIDs(user: user, key: key, at: day) == [old])
        #expect(issuer.formerIDs(user: user, key: key, at: day) == [])
    }

    @Test func anIDHasOneSpellingOnly() throws {
        let text = try id("u1", "order-4711").description
        for other in [text.uppercased(), text + "0", String(text.dropLast()), " " + text, text + "\n", "", "=" + text] {
            #expect(issuer.issued(other) == nil, "\(other)")
        }
    }

    @Test func anIDHasFortyLettersAndDigits() throws {
        #expect(try id("u1", "k").description.wholeMatch(of: /[0-9a-v]{40}/) != nil)
    }

    @Test(arguments: [
        String(repeating: "w", count: 40), String(repeating: "A", count: 40), String(repeating: "0", count: 39),
        String(repeating: "0", count: 41), String(repeating: "é", count: 20), String(repeating: "é", count: 40), "",
    ])
    func aMalformedIDIsRefused(_ text: String) {
        #expect(ClaimID(text) == nil)
    }

    @Test func anIDIsReadBackFromJSON() throws {
        let ids = [try id("u1", "k")]
        #expect(try JSONDecoder().decode([ClaimID].self, from: try JSONEncoder().encode(ids)) == ids)
        #expect(throws: DecodingError.self) { try JSONDecoder().decode([ClaimID].self, from: Data(#"["x"]"#.utf8)) }
    }
}
