import Broker
import DeadLetters
import HTTPTypes

extension Problem {
    /// The problem for an error of the dead-letter queue; nil for other errors.
    init?(deadLetters error: any Error) {
        switch error {
        case let error as DeadLetterError:
            switch error.code {
            case .nothingMatched: self = .nothingMatched
            case .queueBusy: self = .deadLettersBusy
            default: return nil  // errors of changes, which are jobs
            }
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

    static let deadLettersBusy = Problem(
        .overloaded,
        "Another operator has the dead-letter queue open. Nothing was changed. Send the request again later.",
        headers: [.retryAfter: "5"])

    static let nothingMatched = Problem(
        .nothingMatched, "No message in the dead-letter queue matches. Nothing was changed.")

    static let jobNotFound = Problem(
        .jobNotFound, "No job with this id was started in the last 24 hours.")
}
