import Claims
import Testing

@Suite struct IdempotencyKeyTests {
    @Test func aBareKeyIsNotChanged() {
        #expect(IdempotencyKey(headerValue: "order-4711/a=b,c;d")?.value == "order-4711/a=b,c;d")
    }

    @Test func aBareKeyMayHoldEveryPrintableCharacter() {
        let all = String(decoding: UInt8(0x21)...0x7E, as: UTF8.self)
        #expect(IdempotencyKey(headerValue: all)?.value == all)
    }

    @Test func aQuotedKeyIsTheSameAsTheBareOne() {
        #expect(IdempotencyKey(headerValue: "\"order-4711\"") == IdempotencyKey(headerValue: "order-4711"))
        #expect(IdempotencyKey(headerValue: "\"order-4711\"")?.value == "order-4711")
    }

    @Test func keysThatDifferInCaseAreTwoKeys() {
        #expect(IdempotencyKey(headerValue: "k") != IdempotencyKey(headerValue: "K"))
    }

    @Test func aQuotedKeyMayHoldSpaces() {
        #expect(IdempotencyKey(headerValue: "\" my order \"")?.value == " my order ")
    }

    @Test func escapedQuotesAndBackslashesLoseTheirBackslash() {
        #expect(IdempotencyKey(headerValue: #""say \"hi\" \\o/""#)?.value == #"say "hi" \o/"#)
    }

    @Test(arguments: [#""a\n""#, #""a\x""#, #""a\"#, #""a\""#])
    func otherEscapesAreRefused(_ written: String) {
        #expect(IdempotencyKey(headerValue: written) == nil)
    }

    @Test(arguments: ["two words", " k", "k ", "tab\tkey", "a\nb", "null\0", "delete\u{7F}"])
    func aBareKeyHasNeitherSpacesNorControlCharacters(_ written: String) {
        #expect(IdempotencyKey(headerValue: written) == nil)
    }

    @Test(arguments: ["\"tab\tkey\"", "\"a\nb\"", "\"null\0\"", "\"delete\u{7F}\""])
    func aQuotedKeyHasNoControlCharacters(_ written: String) {
        #expect(IdempotencyKey(headerValue: written) == nil)
    }

    @Test(arguments: ["schlüssel", "\"schlüssel\"", "🔑", "\"🔑\""])
    func aKeyWithOtherThanASCIIIsRefused(_ written: String) {
        #expect(IdempotencyKey(headerValue: written) == nil)
    }

    @Test(arguments: ["", "\"\""])
    func anEmptyKeyIsRefused(_ written: String) {
        #expect(IdempotencyKey(headerValue: written) == nil)
    }

    @Test(arguments: ["\"", "\"k", "\"k\"x", "\"k\";a=1", "\"k\"; a", "\"k\", \"l\"", "\"k\" \"l\""])
    func nothingMayFollowTheClosingQuote(_ written: String) {
        #expect(IdempotencyKey(headerValue: written) == nil)
    }

    @Test func aKeyHas255CharactersAtMost() {
        let longest = String(repeating: "k", count: 255)
        #expect(IdempotencyKey(headerValue: longest)?.value == longest)
        #expect(IdempotencyKey(headerValue: longest + "k") == nil)
    }

    @Test func quotesDoNotCountForTheLength() {
        let longest = String(repeating: " ", count: 255)
        #expect(IdempotencyKey(headerValue: "\"\(longest)\"")?.value == longest)
        #expect(IdempotencyKey(headerValue: "\"\(longest) \"") == nil)
    }

    @Test func anEscapedCharacterCountsOnceForTheLength() {
        let longest = String(repeating: "\"", count: 255)
        let escaped = longest.replacing("\"", with: "\\\"")
        #expect(IdempotencyKey(headerValue: "\"\(escaped)\"")?.value == longest)
        #expect(IdempotencyKey(headerValue: "\"\(escaped)\\\"\"") == nil)
    }
}
