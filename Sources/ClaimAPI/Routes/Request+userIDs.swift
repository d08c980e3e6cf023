import Claims
import Foundation
import Hummingbird

extension Request {
    /// Reads the body as a list of user ids: a JSON array, or `text/plain` with one id per line.
    ///
    /// - Throws: ``Problem``, naming the element or line that is not a user id.
    func userIDs() async throws -> [UserID] {
        guard let type = mediaType, type == "application/json" || type == "text/plain" else {
            throw Problem.unsupportedListType
        }
        let data = try await bytes(atMost: BodyLimit.userList)
        if type == "application/json" {
            let text = StrictJSON(data)
            if let violation = text.violation { throw Problem.invalidBody("\(violation).") }
            // Refused before it is decoded, which takes many times its size.
            if text.commas >= EligibleUsersChange.limit {
                throw Problem.invalidBody(
                    "The list has \(text.commas + 1) user ids. The maximum is \(EligibleUsersChange.limit).")
            }
        }
        do throws(UserListError) {
            return type == "text/plain" ? try UserList.lines(data) : try UserList.json(data)
        } catch {
            throw Problem.invalidBody(error.detail)
        }
    }
}
