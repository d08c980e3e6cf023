import Claims
import Foundation
import Testing

@Suite struct UserListTests {
    private func json(_ text: String) throws(UserListError) -> [String] {
        try UserList.json(Data(text.utf8)).map(\.description)
    }

    private func lines(_ text: String) throws(UserListError) -> [String] {
        try UserList.lines(Data(text.utf8)).map(\.description)
    }

    private func validationError(_ read: () throws(UserListError) -> [String]) -> String? {
        do throws(UserListError) {
            _ = try read()
            return nil
        } catch {
            return error.detail
        }
    }

    @Test func anArrayOfStringsIsAList() throws {
        #expect(try json(#"["u1", " größe 2 ", "u1"]"#) == ["u1", " größe 2 ", "u1"])
        #expect(try json("[]").isEmpty)
    }

    @Test(arguments: [
        ("{}", "The body must be a JSON array of user ids."), (#"["a", 1]"#, "Element 2 must be a string."),
        (#"[null]"#, "Element 1 must be a string."), ("[", "the body is not valid JSON."),
        (#"["a", ""]"#, "Element 2 must be 1 to 128 characters without control characters."),
    ])
    func anInvalidArrayIsReported(_ text: String, _ detail: String) {
        #expect(validationError { () throws(UserListError) in try json(text) } == detail)
    }

    @Test func everyLineIsAUser() throws {
        #expect(try lines("u1\nu 2\r\n\r\n\n größe\n") == ["u1", "u 2", " größe"])
        #expect(try lines("").isEmpty)
        #expect(try lines("only") == ["only"])
    }

    @Test func anInvalidLineIsReportedByItsNumber() {
        let detail = "Line 3 must be 1 to 128 characters without control characters."
        #expect(validationError { () throws(UserListError) in try lines("a\n\nb\tc\n") } == detail)
    }

    @Test func aListThatIsNotUTF8IsRefused() {
        #expect(throws: UserListError(detail: "The body is not UTF-8.")) { try UserList.lines(Data([0x61, 0xFF])) }
    }

    @Test func aListHasAHundredThousandUsersAtMost() throws {
        let users = (0..<100_000).map { "u\($0)" }.joined(separator: "\n")
        #expect(try lines(users).count == 100_000)
        #expect(
            validationError { () throws(UserListError) in try lines(users + "\none-more") }?.contains("100001") == true)
    }
}
