import Postgres
import Testing

@Suite struct PostgresErrorTests {
    private func error(_ state: String?) -> PostgresError {
        PostgresError(sqlState: state, message: "it failed")
    }

    @Test func aMissingResponseIsAnOutage() {
        #expect(error(nil).isOutage)
    }

    @Test(arguments: [
        "08006", "08001", "28P01", "3D000", "53300", "53100", "53200", "57P01", "57P02", "57P03", "57P05", "F0000",
        "25006", "42P01", "42703", "42883", "42501",
    ])
    func anErrorOfTheServerIsAnOutage(_ state: String) {
        #expect(error(state).isOutage)
    }

    @Test(arguments: [
        "22P02", "22001", "22003", "23502", "23503", "23505", "23514", "40001", "40P01", "42601", "55P03", "57014",
        "P0001", "21000",
    ])
    func anErrorOfTheStatementIsNoOutage(_ state: String) {
        #expect(!error(state).isOutage)
    }

    @Test(arguments: ["55P03", "57014", "58030", "XX000", "XX001", "XX002"])
    func aTimeoutAndABrokenPageMayBeAnOutage(_ state: String) {
        #expect(!error(state).isOutage)
        #expect(error(state).mayBeOutage)
    }

    @Test(arguments: ["22P02", "23505", "40001", "40P01", "P0001", "25P02"])
    func anyOtherErrorIsCertainlyNoOutage(_ state: String) {
        #expect(!error(state).mayBeOutage)
    }

    @Test(arguments: ["40001", "40P01"])
    func anAbortedConcurrentTransactionIsASerializationFailure(_ state: String) {
        #expect(error(state).isSerializationFailure)
    }

    @Test(arguments: ["23505", "25P02", "55P03", "57014", "08006", nil])
    func anyOtherErrorIsNoSerializationFailure(_ state: String?) {
        #expect(!error(state).isSerializationFailure)
    }

    @Test(arguments: ["55P03", "57014"])
    func aCancelledStatementIsATimeout(_ state: String) {
        #expect(error(state).isTimeout)
        #expect(!error(state).isOutage)
    }

    @Test(arguments: ["57P01", "40001", "08006", nil])
    func anyOtherErrorIsNoTimeout(_ state: String?) {
        #expect(!error(state).isTimeout)
    }

    @Test func theDescriptionContainsTheSQLState() {
        #expect("\(error("40001"))" == "it failed (SQLSTATE 40001)")
        #expect("\(error(nil))" == "it failed")
    }
}
