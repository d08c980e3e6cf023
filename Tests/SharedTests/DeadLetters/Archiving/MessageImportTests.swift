import Broker
import Foundation
import Testing

@testable import DeadLetters

@Suite struct MessageImportTests {
    private func read(_ text: String, users: Set<String> = ["claims"]) throws(DeadLetterError) -> [String] {
        try MessageImport(Data(text.utf8), publishedBy: users).letters.map(\.id)
    }

    /// The error of a text that is refused.
    private func importError(_ text: String, users: Set<String> = ["claims"]) -> DeadLetterError? {
        do throws(DeadLetterError) {
            _ = try read(text, users: users)
            return nil
        } catch {
            return error
        }
    }

    private func line(_ letter: DeadLetter) throws -> String { try ExportedMessage(letter).line }

    @Test(arguments: ["\n", ""]) func theLastLineMayLackItsNewline(_ end: String) throws {
        let letters = [DeadLetter.made(2), DeadLetter.made(1)]
        let text = try letters.map(line).joined(separator: "\n") + end
        #expect(try read(text) == letters.map(\.id))
    }

    @Test func eachInvalidLineIsNamed() throws {
        let good = try line(.made(1))
        let error = try #require(importError("\(good)\nnonsense\n\n\(good)\n{}\n"))
        #expect(error.code == .invalidImport)
        #expect(error.message.contains("line 2: the line is not valid JSON"))
        #expect(error.message.contains("line 3:"))
        #expect(error.message.contains("line 5:"))
        #expect(!error.message.contains("line 1:") && !error.message.contains("line 4:"))
    }

    @Test func onlyTheFirst20ErrorsAreShown() throws {
        let error = try #require(importError(String(repeating: "x\n", count: 25)))
        #expect(error.message.contains("line 20:") && !error.message.contains("line 21:"))
        #expect(error.message.hasSuffix("… and 5 more"))
    }

    @Test func anEmptyFileIsRefused() {
        #expect(importError("")?.code == .invalidImport)
    }

    @Test func bytesThatAreNotUTF8AreRefused() {
        #expect(throws: DeadLetterError.self) { try MessageImport(Data([0xFF, 0x0A]), publishedBy: []) }
    }

    @Test func aMessageOfAnotherBrokerUserIsRefused() throws {
        var message = DeadLetter.stray("odd", messageID: "order-17").message
        message.properties.userID = "claims"
        let text = try line(DeadLetter(message))
        #expect(try read(text) == ["order-17"])
        #expect(importError(text, users: ["other"])?.message.contains("user claims") == true)
        #expect(importError(text, users: ["claims", "other"]) != nil)
    }
}
