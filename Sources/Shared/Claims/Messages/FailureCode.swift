/// Why an attempt at a claim failed: the `reason` of dead letters and the `code` of failed attempts.
package enum FailureCode: String, Codable, Hashable, Sendable, CaseIterable {
    /// The message body can't be read.
    case unreadable
    /// The message body has a version that this program does not support. A newer worker may take the next attempt.
    case unsupportedVersion = "unsupported_version"
    /// The coupon's lock was held through all its retries.
    case lockHeld = "lock_held"
    /// The deciding transaction failed for this claim.
    case databaseError = "database_error"
    /// The deciding transaction waited too long for a row, or ran too long.
    case databaseTimeout = "database_timeout"
    /// The message was returned too often: its workers died while they processed it. RabbitMQ uses the same word when
    /// its own delivery limit catches the message.
    case deliveryLimit = "delivery_limit"

    /// Whether another attempt may succeed.
    package var isRetryable: Bool {
        switch self {
        case .unsupportedVersion, .lockHeld, .databaseError, .databaseTimeout: true
        // An unreadable body stays unreadable, and a poison message must not kill more workers.
        case .unreadable, .deliveryLimit: false
        }
    }
}
