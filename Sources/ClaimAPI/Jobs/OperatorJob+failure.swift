import Broker
import DeadLetters
import Postgres
import Redis

extension OperatorJob.Failure {
    /// Describes an error of an operation on the dead-letter queue without internals.
    init(_ error: any Error) {
        switch error {
        case let error as DeadLetterError: self.init(code: error.code.rawValue, message: error.description)
        case let error as BrokerError: self.init(code: "broker_unavailable", message: "RabbitMQ: \(error)")
        case let error as PostgresError: self.init(code: "store_unavailable", message: "PostgreSQL: \(error)")
        case let error as RedisError: self.init(code: "store_unavailable", message: "Redis: \(error)")
        default: self.init(code: "internal_error", message: "an unexpected error occurred; see the log of ClaimAPI")
        }
    }
}
