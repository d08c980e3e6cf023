import Broker
import DeadLetters
import Postgres
import Redis

/// Why a command did not do what was asked, with the exit code for it.
struct Failure: Error {
    let code: Int32
    let message: String

    /// The command failed.
    static func failed(_ message: String) -> Failure { Failure(code: 1, message: message) }
    /// There is nothing to show or to change.
    static func nothingMatched(_ message: String) -> Failure { Failure(code: 2, message: message) }
    /// The arguments are wrong.
    static func usage(_ message: String) -> Failure { Failure(code: 64, message: message) }
}

extension Failure {
    init(_ error: DeadLetterError) {
        switch error.code {
        case .invalidSelection, .ambiguousID: self = .usage(error.description)
        case .nothingMatched, .planNotFound: self = .nothingMatched(error.description)
        case .severalClaims, .invalidBody, .alreadyDecided, .invalidImport, .invalidArchive, .notStored, .someMissing,
            .rampStopped, .cancelWaits, .queueBusy, .temporaryFile:
            self = .failed(error.description)
        }
    }

    /// The failure that an error amounts to; nil for an error of the argument parser.
    init?(_ error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let error as DeadLetterError: self.init(error)
        case let error as PostgresError where error.mismatch == .setting: self = .usage(error.message)
        case let error as PostgresError:
            let advice = error.sqlState == "42P01" ? "; run claimctl migrate first" : ""
            self = .failed("PostgreSQL: \(error)\(advice)")
        case let error as BrokerError: self = .failed("RabbitMQ: \(error)")
        case let error as RedisError: self = .failed("Redis: \(error)")
        default: return nil
        }
    }
}
