/// A command with its arguments, for example `["GET", "key"]`.
package typealias RedisCommand = [String]

/// What Redis answered to one command.
package enum RedisReply: Hashable, Sendable {
    case string(String)
    case integer(Int64)
    case array([RedisReply])
    case null
    /// The command was refused; the others of the same pipeline were not.
    case error(String)

    /// The text of a bulk or simple string; nil for anything else.
    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The number; nil for anything else.
    package var integer: Int64? {
        if case .integer(let number) = self { number } else { nil }
    }

    /// The elements; nil for anything else.
    package var array: [RedisReply]? {
        if case .array(let elements) = self { elements } else { nil }
    }
}

/// Why Redis could not be used: it can't be reached, or was too slow. Nothing that matters is lost with it.
package struct RedisError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
