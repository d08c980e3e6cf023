/// A failed operation on the broker. The owner may retry on a new connection.
package struct BrokerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of the failure.
    package enum Kind: Hashable, Sendable {
        /// The connection could not be opened or was lost.
        case unreachable
        /// The broker closed the channel or the connection with an AMQP reply code.
        case refused(code: UInt16)
        /// The broker did not respond in time.
        case timeout
        /// The broker answers, but is too old.
        case mismatch
    }

    package let kind: Kind
    /// What was attempted and what went wrong. Contains no password.
    package let description: String

    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
