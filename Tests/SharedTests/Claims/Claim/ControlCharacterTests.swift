import Testing

@testable import Claims

@Suite struct ControlCharacterTests {
    @Test func everyControlCharacterOfUnicodeIsFoundAndNoOther() throws {
        for value in UInt32(0)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let isControl = scalar.properties.generalCategory == .control
            let text = "a" + String(Character(scalar)) + "b"
            guard text.hasControlCharacter != isControl else { continue }
            Issue.record("U+\(String(value, radix: 16))")
        }
    }

    @Test func theLastByteOfACharacterIsNotTakenForTheFirstOfAnother() {
        // U+0080 is C2 80; these end with C2 or begin like its second byte.
        #expect(!"\u{C2}\u{A0}é\u{202}".hasControlCharacter)
        #expect("é\u{85}".hasControlCharacter)
    }
}
