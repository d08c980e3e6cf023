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
        try check(texts.count)
        var users: [UserID] = []
        for (index, text) in texts.enumerated() {
            guard let user = UserID(text) else {
                throw UserListError(detail: "Element \(index + 1) \(UserID.rule).")
            }
            users.append(user)
        }
        return users
    }

    /// Parses one id per line. Lines end with LF or CRLF; empty lines are ignored.
    package static func lines(_ data: Data) throws(UserListError) -> [UserID] {
        guard let text = String(data: data, encoding: .utf8) else {
            throw UserListError(detail: "The body is not UTF-8.")
        }
        var users: [UserID] = []
        var count = 0
        var number = 0
        var rest = text.utf8[...]
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
            let line = rest[..<end]
            rest = rest[end...].dropFirst()
            number += 1
            let id = String(Substring(line.last == UInt8(ascii: "\r") ? line.dropLast() : line))
            if id.isEmpty { continue }
            guard let user = UserID(id) else { throw UserListError(detail: "Line \(number) \(UserID.rule).") }
            count += 1
            if count <= EligibleUsersChange.limit { users.append(user) }
        }
        try check(count)
        return users
    }

    private static func check(_ count: Int) throws(UserListError) {
        guard count <= EligibleUsersChange.limit else {
            throw UserListError(
                detail: "The list has \(count) user ids. The maximum is \(EligibleUsersChange.limit).")
        }
    }
}
