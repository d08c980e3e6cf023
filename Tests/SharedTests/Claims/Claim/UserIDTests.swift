import Claims
import Foundation
import Testing

@Suite struct UserIDTests {
    @Test(arguments: ["u1", " spaced out ", "größe", "客户", "👩‍🚀", "a/b?c=%41", "U1"])
    func anIDIsNotChanged(_ written: String) throws {
        #expect(Array(try #require(UserID(written)).description.utf8) == Array(written.utf8))
    }

    @Test func idsThatDifferInCaseAreTwoUsers() {
        #expect(UserID("u1") != UserID("U1"))
    }

    @Test func anEmptyIDIsRefused() {
        #expect(UserID("") == nil)
    }

    @Test(arguments: ["u", "ü", "👩"])
    func anIDHas128CharactersAtMost(_ character: String) {
        #expect(UserID(String(repeating: character, count: 128)) != nil)
        #expect(UserID(String(repeating: character, count: 129)) == nil)
    }

    /// Unicode scalars are counted: a letter with a thousand accents is not one character.
    @Test func accentsCountForTheLength() {
        #expect(UserID("e" + String(repeating: "\u{301}", count: 127)) != nil)
        #expect(UserID("e" + String(repeating: "\u{301}", count: 128)) == nil)
    }

    @Test(arguments: ["u\0", "\nu", "u\t1", "u\r\n", "\u{1B}[31m", "u\u{7F}", "u\u{85}"])
    func controlCharactersAreRefused(_ written: String) {
        #expect(UserID(written) == nil)
    }

    @Test func anIDIsReadBackFromJSON() throws {
        let ids = try [#require(UserID("größe \"1\"")), #require(UserID("u/1"))]
        #expect(try JSONDecoder().decode([UserID].self, from: try JSONEncoder().encode(ids)) == ids)
    }
}
