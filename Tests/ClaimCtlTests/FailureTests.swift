import Broker
import DeadLetters
import Postgres
import Redis
import Testing

@testable import claimctl

@Suite struct FailureTests {
    @Test(arguments: DeadLetterError.Code.allCases) func everyDeadLetterErrorHasAnExitCode(_ code: DeadLetterError.Code)
    {
        let expected: Int32 =
            switch code {
            case .invalidSelection, .ambiguousID: 64
            case .nothingMatched, .planNotFound: 2
            default: 1
            }
        #expect(Failure(DeadLetterError(code, "m")).code == expected)
    }

    @Test func aFailureSaysWhatHappenedAndWhatToDoNext() {
        let error = DeadLetterError(.notStored, "not all are back", nextStep: "run it again")
        #expect(Failure(error).message == "not all are back; run it again")
        #expect(Failure(DeadLetterError(.notStored, "not all are back")).message == "not all are back")
    }

    @Test func anErrorOfAStoreNamesTheStore() {
        let errors: [any Error] = [
            PostgresError(sqlState: nil, message: "away"), BrokerError(.unreachable, "away"), RedisError("away"),
        ]
        #expect(errors.map { Failure($0)?.message } == ["PostgreSQL: away", "RabbitMQ: away", "Redis: away"])
        #expect(errors.map { Failure($0)?.code } == [1, 1, 1])
    }

    @Test func aSettingThatContradictsTheDatabaseIsWrongUsage() {
        let failure = Failure(PostgresError(.setting, "CLAIMS_LANES is 4, but the system has 8 lanes"))
        #expect(failure?.code == 64 && failure?.message.hasPrefix("CLAIMS_LANES") == true)
    }

    @Test func aMissingTableIsAnsweredWithTheCommandThatCreatesIt() {
        let failure = Failure(PostgresError(sqlState: "42P01", message: "no table"))
        #expect(failure?.message.hasSuffix("run claimctl migrate first") == true)
    }
}
