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
        return try await withoutEventLoop { try Self.userIDs(in: data, type: type) }
    }

    private static func userIDs(in data: Data, type: String) throws(Problem) -> [UserID] {
        if type == "application/json" {
            let text = StrictJSON(data)
            if let violation = text.violation { throw .invalidBody("\(violation).") }
            // Refused before it is decoded, which takes many times its size.
            if text.commas >= EligibleUsersChange.limit {
                throw .invalidBody(
                    "The list has \(text.commas + 1) user ids. The maximum is \(EligibleUsersChange.limit).")
            }
        }
        do throws(UserListError) {
            return type == "text/plain" ? try UserList.lines(data) : try UserList.json(data)
        } catch {
            throw .invalidBody(error.detail)
        }
    }
}
