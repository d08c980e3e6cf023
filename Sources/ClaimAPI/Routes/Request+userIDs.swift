import Claims
import Foundation
import Hummingbird

extension Request {
    /// The body as a list of user ids: one JSON array, or one id a line as `text/plain`.
    ///
    /// - Throws: ``Problem``, naming the place of what is no user's id.
    func userIDs() async throws -> [UserID] {
        guard let type = mediaType, type == "application/json" || type == "text/plain" else {
            throw Problem.unsupportedListType
        }
        let data = try await bytes(atMost: BodyLimit.userList)
        do throws(UserListError) {
            return type == "text/plain" ? try UserList.lines(data) : try UserList.json(data)
        } catch {
            throw Problem.invalidBody(error.detail)
        }
    }
}
