import Broker
import DeadLetters
import HTTPTypes

extension Problem {
    /// The problem that an error of the dead-letter queue amounts to; nil for an error that has its problem already.
    init?(deadLetters error: any Error) {
        switch error {
        case let error as DeadLetterError:
            // The others are errors of changes, which are jobs.
            guard error.code == .nothingMatched else { return nil }
            self = .nothingMatched
        case is BrokerError:
            self = .deadLettersUnavailable
        default:
            return nil
        }
    }

    static let deadLettersUnavailable = Problem(
        .brokerUnavailable,
        "The dead-letter queue cannot be read, because RabbitMQ is unreachable or too slow. Nothing was changed. Send the "
            + "request again.",
        headers: [.retryAfter: "1"])

    static let nothingMatched = Problem(
        .nothingMatched, "No message in the dead-letter queue matches. Nothing was changed.")

    static let jobNotFound = Problem(
        .jobNotFound, "No job with this id was started in the last 24 hours.")
}
