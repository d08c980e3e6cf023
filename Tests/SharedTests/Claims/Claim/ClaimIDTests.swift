import Claims
import Foundation
import SeededRandom
import Testing

@Suite struct ClaimIDTests {
    private let issuer = ClaimIDIssuer(secret: "a secret of at least 32 characters")

    private func id(_ user: String, _ key: String, by issuer: ClaimIDIssuer? = nil) throws -> ClaimID {
        // Quoted, so that the keys may hold any character.
        let key = key.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        return try (issuer ?? self.issuer).id(
            user: #require(UserID(user)), key: #require(IdempotencyKey(headerValue: "\"\(key)\"")))
    }

    /// Computed independently, as HMAC-SHA256 with keys derived by HKDF. A change would break every key in use.
    @Test func theIDOfARequestNeverChanges() throws {
        #expect(try id("u1", "order-4711").description == "uf5jq8koagdurr3j5if03f068mdjd7r8hp44tvi6")
        #expect(try id("größe", "order 4711").description == "iqgb6jrbg0f1gur5q2cqoauqo2o4o2sp7qlc7ggu")
    }

    /// The ids are those that the version before access issued.
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
        let old = issuer.id(user: user, key: key)
        #expect(new.issued(old.description) == old)
        #expect(new.id(user: user, key: key) != old)
        #expect(new.issued(new.id(user: user, key: key).description) != nil)
        #expect(issuer.issued(new.id(user: user, key: key).description) == nil)
        // A repeated request is found under the id that it had.
        #expect(new.formerIDs(user: user, key: key) == [old])
        #expect(issuer.formerIDs(user: user, key: key) == [])
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
