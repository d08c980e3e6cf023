package import Foundation

/// A list of users that is not valid.
package struct UserListError: Error, Hashable {
    /// Says what is wrong, naming the element or line.
    package let detail: String

    package init(detail: String) {
        self.detail = detail
    }
}

/// Parses lists of user ids.
package enum UserList {
    /// Parses a JSON array of strings.
    package static func json(_ data: Data) throws(UserListError) -> [UserID] {
        let texts: [String]
        do {
            texts = try JSONDecoder().decode([String].self, from: data)
        } catch let error as DecodingError {
            switch error {
            case .typeMismatch(_, let context) where context.codingPath.isEmpty:
                throw UserListError(detail: "The body must be a JSON array of user ids.")
            case .typeMismatch(_, let context), .valueNotFound(_, let context):
                let place = context.codingPath.last?.intValue.map { "Element \($0 + 1)" } ?? "Every element"
                throw UserListError(detail: "\(place) must be a string.")
            default:
                throw UserListError(detail: "\(error.message).")
            }
        } catch {
            throw UserListError(detail: "The body is not valid JSON.")
        }
        return try users(texts, called: "Element")
    }

    /// Parses one id per line. Lines end with LF or CRLF; empty lines are ignored.
    package static func lines(_ data: Data) throws(UserListError) -> [UserID] {
        guard let text = String(data: data, encoding: .utf8) else {
            throw UserListError(detail: "The body is not UTF-8.")
        }
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
            String(Substring(line.last == UInt8(ascii: "\r") ? line.dropLast() : line))
        }
        return try users(lines, called: "Line", skipsEmpty: true)
    }

    private static func users(
        _ texts: [String], called place: String, skipsEmpty: Bool = false
    ) throws(UserListError) -> [UserID] {
        var users: [UserID] = []
        for (index, text) in texts.enumerated() where !(skipsEmpty && text.isEmpty) {
            guard let user = UserID(text) else {
                throw UserListError(detail: "\(place) \(index + 1) \(UserID.rule).")
            }
            users.append(user)
        }
        guard users.count <= EligibleUsersChange.limit else {
            throw UserListError(
                detail: "The list has \(users.count) user ids. The maximum is \(EligibleUsersChange.limit).")
        }
        return users
    }
}
