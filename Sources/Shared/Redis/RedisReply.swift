/// A command and its arguments, for example `["GET", "key"]`.
package typealias RedisCommand = [String]

/// The reply to one command.
package enum RedisReply: Hashable, Sendable {
    case string(String)
    case integer(Int64)
    case array([RedisReply])
    case null
    /// Redis refused the command. Other commands of the same pipeline are not affected.
    case error(String)

    /// The text of a bulk or simple string; nil for other replies.
    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The number of an integer reply; nil for other replies.
    package var integer: Int64? {
        if case .integer(let number) = self { number } else { nil }
    }

    /// The elements of an array; nil for other replies.
    package var array: [RedisReply]? {
        if case .array(let elements) = self { elements } else { nil }
    }
}

/// A failed operation on Redis: no connection, no reply in time, or a refused command.
package struct RedisError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was attempted and what went wrong. Contains no password.
    package let description: String
    /// Whether the server answers, but is too old.
    package let isMismatch: Bool

    /// Creates an error from what was attempted and what went wrong.
    package init(_ description: String, isMismatch: Bool = false) {
        self.description = description
        self.isMismatch = isMismatch
    }
}
